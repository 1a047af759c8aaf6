// Searches with npm's library and prints what it gives: `node search.mjs REGISTRY '[["words", {"limit": 5}], …]'`.
import search from "libnpmsearch";

const [registry, searches] = process.argv.slice(2);
const found = [];
for (const [words, options] of JSON.parse(searches)) {
  found.push(await search(words, { ...options, registry, fetchRetries: 0, timeout: 10_000 }));
}
console.log(JSON.stringify(found));
