// What reads the schema alone: rules on its shape, the documents of clients against it, Relay's compiler.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildSchema, validateSchema } from 'graphql';

const folder = join(import.meta.dirname, '..');
const root = join(folder, '..', '..');
const schema = join(root, 'schema.graphql');
/** The schema of the last release: what clients in the field were built on. */
const released = join(root, 'schema.released.graphql');
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

test('graphql-inspector finds no breaking change since the last release', () => {
  run(folder, 'graphql-inspector', 'diff', released, schema);
});

// What would break a client: a line of the schema, what becomes of it, and what is said of that.
const BREAKING = {
  'a field that is gone': [/^  allowedActions: /m, '  actions: ',
    'Field allowedActions was removed from object type Campaign'],
  'an answer that may be null': [/^  isPaused: Boolean!$/m, '  isPaused: Boolean',
    'Field Campaign.isPaused changed type from Boolean! to Boolean'],
  'an input that is demanded': [/^input CampaignPauseInput {$/m, 'input CampaignPauseInput {\n  reason: String!',
    "Input field reason of type String! was added to input object type CampaignPauseInput"],
};

for (const [what, [line, becomes, told]] of Object.entries(BREAKING)) {
  test(`${what} is told as a breaking change`, (context) => {
    const work = mkdtempSync(join(tmpdir(), 'sendoff-'));
    context.after(() => rmSync(work, { recursive: true }));
    const copy = join(work, 'schema.graphql');
    writeFileSync(copy, readFileSync(released, 'utf8').replace(line, becomes));
    const diff = () => run(folder, 'graphql-inspector', 'diff', released, copy);
    assert.throws(diff, (error) => error.message.includes(told));
  });
}

test('relay-compiler compiles pages, refetches, deletions and subscriptions', () => {
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated);
  run(import.meta.dirname, 'relay-compiler', 'relay.config.json');
  rmSync(generated, { recursive: true, force: true });
});
