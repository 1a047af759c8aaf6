// Asks for downloads with two libraries that know one base address only, which is replaced below them:
// `node downloads.mjs BASE '[["range", "2026-01-01", "2026-01-31", "vue"], ["point", "last-week", "vue"], ["stat", "vue", "2026-01-01", "2026-01-31"]]'`.
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

const [base, calls] = process.argv.slice(2);
const here = new URL(base);
// Everything but the base address goes as the library sends it.
https.request = (address, options, answer) => {
  const isAddress = typeof address === "string" || address instanceof URL;
  const target = isAddress ? new URL(address) : new URL(`https://${address.hostname ?? address.host}${address.path}`);
  const rest = isAddress ? options : address;
  const callback = [answer, options].find((one) => typeof one === "function");
  if (target.hostname !== "api.npmjs.org") throw new Error(`asked ${target.hostname}`);
  const { method = "GET", headers = {} } = (typeof rest === "object" && rest) || {};
  const moved = { hostname: here.hostname, port: here.port, path: target.pathname + target.search, method, headers: { ...headers, host: here.host } };
  return http.request(moved, callback);
};
https.get = (...parts) => {
  const request = https.request(...parts);
  request.end();
  return request;
};

const require = createRequire(import.meta.url);
const stats = require("download-stats");
const npm = require("npm-stats-api");

const range = (start, end, name) =>
  new Promise((resolve, reject) => {
    const days = [];
    stats.get(new Date(start), new Date(end), name).on("error", reject).on("data", (day) => days.push(day)).on("end", () => resolve(days));
  });
const point = (period, name) =>
  new Promise((resolve, reject) => stats.get.point(period, name, (error, found) => (error ? reject(error) : resolve(found))));

const found = [];
for (const [what, ...rest] of JSON.parse(calls)) {
  try {
    found.push(what === "range" ? await range(...rest) : what === "point" ? await point(...rest) : await npm.stat(...rest));
  } catch (error) {
    found.push({ failed: String(error?.message ?? error), status: error?.statusCode ?? error?.status ?? null });
  }
}
console.log(JSON.stringify(found));
