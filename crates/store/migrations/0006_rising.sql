-- The lists of trends have what this had.
DROP TABLE rising;
