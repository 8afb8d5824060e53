// Builds frontend/dist/: app.css, one module per page, theme.js for the head, fonts, favicon.
// Names carry no hash: Django's manifest storage adds it when static files are collected.
import { cp, mkdir, rename, rm } from "node:fs/promises";
import * as esbuild from "esbuild";
import * as sass from "sass";

const watch = process.argv.includes("--watch");
const here = new URL(".", import.meta.url).pathname;
const dist = `${here}dist`;
// Built beside and swapped in at the end, so that a server never reads half a bundle.
const out = watch ? dist : `${here}node_modules/.dist`;

// Tabler is Sass; everything of ours is plain CSS that esbuild joins to it.
const tabler = {
  name: "tabler",
  setup(build) {
    build.onResolve({ filter: /^tabler\.css$/ }, () => ({ path: `${here}src/tabler.scss`, namespace: "tabler" }));
    build.onLoad({ filter: /.*/, namespace: "tabler" }, ({ path }) => ({
      contents: sass.compile(path, { loadPaths: [`${here}node_modules`], quietDeps: true, style: "compressed" }).css,
      loader: "css",
      resolveDir: `${here}src`,
    }));
  },
};

const shared = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  minify: !watch,
  legalComments: "none",
  target: ["chrome123", "firefox125", "safari17.5"],
  logLevel: "info",
};
const jobs = [
  { ...shared, entryPoints: ["src/app.css"], plugins: [tabler], loader: { ".woff2": "file" }, assetNames: "fonts/[name]" },
  { ...shared, entryPoints: ["app", "composer", "calendar", "correct", "inbox", "approvals"].map((n) => `src/${n}.js`), format: "esm" },
  // In the head and before the first paint, so a classic script.
  { ...shared, entryPoints: ["src/theme.js"], format: "iife" },
];

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await cp(`${here}src/favicon.svg`, `${out}/favicon.svg`);
if (watch) {
  for (const job of jobs) await (await esbuild.context(job)).watch();
} else {
  await Promise.all(jobs.map((job) => esbuild.build(job)));
  await rm(dist, { recursive: true, force: true });
  await rename(out, dist);
}
