// What reads the schema alone: rules on its shape, the documents of clients against it, Relay's compiler.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildSchema, validateSchema } from 'graphql';

const folder = join(import.meta.dirname, '..');
const schema = join(folder, '..', '..', 'schema.graphql');
const generated = join(folder, 'tools', 'relay', '__generated__');

/** Runs a program of the project in this folder; what it says is told when it fails. */
function run(cwd, program, ...given) {
  const options = { cwd, encoding: 'utf8', stdio: 'pipe' };
  try {
    return execFileSync(join(folder, 'node_modules', '.bin', program), given, options);
  } catch (error) {
    assert.fail(`${program}: ${error.stdout}\n${error.stderr}`);
  }
}

test('graphql-js reads the schema', () => {
  assert.deepEqual(validateSchema(buildSchema(readFileSync(schema, 'utf8'))), []);
});

test('graphql-eslint has nothing to say of the schema and the operations', () => {
  // It reads nothing outside its own folder.
  const copy = join(folder, 'tools', 'schema.graphql');
  copyFileSync(schema, copy);
  const rules = ['--config', 'tools/eslint.config.mjs', '--max-warnings', '0'];
  run(folder, 'eslint', ...rules, 'tools/schema.graphql', 'tools/operations');
  rmSync(copy);
});

test('graphql-inspector finds every document valid', () => {
  run(folder, 'graphql-inspector', 'validate', 'tools/operations/*.graphql', schema, '--maxDepth', '12');
});

test('relay-compiler compiles pages, refetches, deletions and subscriptions', () => {
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated);
  run(import.meta.dirname, 'relay-compiler', 'relay.config.json');
  rmSync(generated, { recursive: true, force: true });
});
