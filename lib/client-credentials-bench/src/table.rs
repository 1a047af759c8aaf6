//! Tables as they stand in a README.

use std::time::Duration;

/// Prints a heading, what was done, and the rows in columns of one width.
pub(crate) fn print(heading: &str, done: &str, columns: &[&str], rows: &[Vec<String>]) {
    println!("\n### {heading}\n\n{done}\n");
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([columns[column].chars().count()]).max().unwrap_or(0)
    };
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column))).collect();
        println!("| {} |", padded.join(" | "));
    };
    line(&columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>());
    line(&columns.iter().enumerate().map(|(column, _)| "-".repeat(width(column))).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
}

/// A row of cells.
#[macro_export]
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}

/// Milliseconds, to a tenth.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// Seconds, to a tenth.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
