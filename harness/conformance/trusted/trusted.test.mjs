// A service that was started with the manifest beside this file: on every transport it executes the documents in it,
// sent or named, and no others, the schema's own included.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { getIntrospectionQuery } from 'graphql';
import { fetchWithKey, post, url } from '../lib/service.mjs';
import { Socket } from '../lib/socket.mjs';

const NEWER = { accept: 'application/graphql-response+json' };
const STREAM = { accept: 'text/event-stream' };
const NOT_TRUSTED = 'DOCUMENT_NOT_TRUSTED';

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, 'documents.json'), 'utf8'));
const documents = Object.entries(manifest).map(([id, query]) => ({ id, query }));
const document = (name) => documents.find(({ query }) => query.includes(` ${name}`));
const hash = (text) => createHash('sha256').update(text).digest('hex');
const persisted = (text) => ({ persistedQuery: { version: 1, sha256Hash: hash(text) } });

const VIEWER = document('Viewer');
const CREATE = document('Create');
const CAMPAIGNS = document('Campaigns');
const LIVE = document('Live');
const INPUT = { input: { name: 'Of known documents' } };

const UNKNOWN_QUERY = '{ viewer { role } }';
const UNKNOWN_MUTATION = 'mutation { campaignCreate(input: { name: "Of no document" }) { campaign { id } } }';
const UNKNOWN = {
  'a query': { query: UNKNOWN_QUERY },
  'a mutation': { query: UNKNOWN_MUTATION },
  'a known text and a space': { query: `${VIEWER.query} ` },
  'a known id beside another text': { documentId: VIEWER.id, query: UNKNOWN_QUERY },
  'an id of nothing': { documentId: `sha256:${hash(UNKNOWN_QUERY)}` },
  'a text that asks to be remembered': { query: UNKNOWN_QUERY, extensions: persisted(UNKNOWN_QUERY) },
  'the hash of what asked to be remembered': { extensions: persisted(UNKNOWN_QUERY) },
  'introspection': { query: getIntrospectionQuery() },
  'the kind of the root': { query: '{ __typename }' },
  'no GraphQL': { query: '{' },
};

async function campaigns() {
  const { data } = await (await post({ documentId: CAMPAIGNS.id })).json();
  return data.site.campaigns;
}

/** The ways to say which document is meant. */
function ways({ id, query }) {
  return [{ query }, { documentId: id }, { documentId: id, query }, { extensions: persisted(query) },
    { documentId: `sha256:${hash(query)}` }];
}

test('a known document is answered, sent or named', async () => {
  for (const payload of [...ways(VIEWER), ...ways(CAMPAIGNS)]) {
    const response = await post(payload, NEWER);
    const { data, errors } = await response.json();
    assert.deepEqual([response.status, errors], [200, undefined], JSON.stringify(payload));
    assert.ok(data.viewer ?? data.site);
    const stream = await (await post(payload, STREAM)).text();
    assert.match(stream, /event: next\ndata: {"data":{"(viewer|site)":/);
  }
});

test('a known mutation is done, and never by GET', async () => {
  const { totalCount } = await campaigns();
  const { data } = await (await post({ documentId: CREATE.id, variables: INPUT })).json();
  assert.match(data.campaignCreate.campaign.id, /^camp_/);
  const parameters = new URLSearchParams({ documentId: CREATE.id, variables: JSON.stringify(INPUT) });
  assert.equal((await fetchWithKey(`${url}?${parameters}`)).status, 405);
  assert.equal((await campaigns()).totalCount, totalCount + 1);
});

test('a known document is answered by GET', async () => {
  for (const given of [{ documentId: VIEWER.id }, { query: VIEWER.query }]) {
    const response = await fetchWithKey(`${url}?${new URLSearchParams(given)}`);
    assert.ok((await response.json()).data.viewer);
  }
});

test('a known subscription is told over a socket, and known queries beside it', async () => {
  const { liveCursor: after } = await campaigns();
  const { data } = await (await post({ documentId: CREATE.id, variables: INPUT })).json();
  const socket = await Socket.ready();
  for (const [index, way] of ways(LIVE).entries()) {
    const id = String(index);
    socket.send({ type: 'subscribe', id, payload: { ...way, variables: { after } } });
    const { type, payload } = await socket.receive();
    assert.equal(type, 'next', JSON.stringify(payload));
    assert.equal(payload.data.campaignsChanged.event.campaignId, data.campaignCreate.campaign.id);
    socket.send({ type: 'complete', id });
  }
  for (const [index, payload] of ways(VIEWER).entries()) {
    socket.send({ type: 'subscribe', id: `query ${index}`, payload });
    assert.ok((await socket.receive('next')).payload.data.viewer);
    assert.equal((await socket.receive()).type, 'complete');
  }
  await socket.close();
});

for (const [what, payload] of Object.entries(UNKNOWN)) {
  test(`${what}: ${NOT_TRUSTED} on every transport`, async () => {
    const { totalCount } = await campaigns();
    const response = await post(payload, NEWER);
    const body = await response.json();
    assert.deepEqual([response.status, codes(body.errors), 'data' in body], [400, [NOT_TRUSTED], false]);
    const parameters = new URLSearchParams(Object.entries(payload).map(([name, value]) => [name,
      typeof value === 'string' ? value : JSON.stringify(value)]));
    const got = await fetchWithKey(`${url}?${parameters}`, { headers: NEWER });
    assert.deepEqual([got.status, codes((await got.json()).errors)], [400, [NOT_TRUSTED]]);
    const stream = await (await post(payload, STREAM)).text();
    const [, data] = /^event: next\ndata: (.*)$/m.exec(stream) ?? assert.fail(stream);
    assert.deepEqual(codes(JSON.parse(data).errors), [NOT_TRUSTED]);
    const socket = await Socket.ready();
    socket.send({ type: 'subscribe', id: '1', payload });
    const refused = await socket.receive();
    assert.deepEqual([refused.type, codes(refused.payload)], ['error', [NOT_TRUSTED]]);
    await socket.close();
    assert.equal((await campaigns()).totalCount, totalCount);
  });
}

function codes(errors) {
  return errors.map((error) => error.extensions.code);
}
