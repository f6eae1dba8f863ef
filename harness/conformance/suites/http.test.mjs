// Bad requests over HTTP: each is refused with the right status and an error in the shape of GraphQL, and the
// service is none the worse for it.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { getIntrospectionQuery } from 'graphql';
import { fetchWithKey, post, url } from '../lib/service.mjs';

const NEWER = { accept: 'application/graphql-response+json' };
const DELETE = 'mutation { campaignDelete(id: "camp_00000000000000000000000000000000") { userErrors { code } } }';

/** The status and the first error; there must be no data. */
async function refusal(response) {
  const body = await response.json();
  assert.equal('data' in body, false, JSON.stringify(body));
  const [error] = body.errors;
  assert.equal(typeof error.message, 'string');
  return { status: response.status, code: error.extensions.code, limit: error.extensions.limit };
}

async function refused(response, status, code) {
  const { status: got, code: told } = await refusal(response);
  assert.deepEqual([got, told], [status, code]);
}

async function exceeds(query, name, maximum, found, status = 400) {
  const { status: got, limit } = await refusal(await post({ query }, NEWER));
  assert.deepEqual([got, limit], [status, { name, maximum, found }]);
}

afterEach(async () => {
  const response = await post({ query: '{ viewer { scopes } }' });
  assert.equal(response.status, 200);
});

test('a mutation by GET is a 405', async () => {
  const response = await fetchWithKey(`${url}?query=${encodeURIComponent(DELETE)}`);
  assert.equal(response.headers.get('allow'), 'POST');
  await refused(response, 405, 'BAD_REQUEST');
});

test('a query by GET is answered', async () => {
  const query = 'query($first: Int!) { site { campaigns(first: $first) { nodes { id } } } }';
  const parameters = new URLSearchParams({ query, variables: '{"first":1}' });
  const { data } = await (await fetchWithKey(`${url}?${parameters}`)).json();
  assert.ok(Array.isArray(data.site.campaigns.nodes));
});

for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
  'application/json; charset=utf-16', 'application/graphql']) {
  test(`a body of ${type} is a 415`, async () => {
    const body = JSON.stringify({ query: DELETE });
    await refused(await post(body, { 'content-type': type }), 415, 'BAD_REQUEST');
  });
}

test('a batch is a 400', async () => {
  await refused(await post([{ query: '{ viewer { scopes } }' }]), 400, 'BAD_REQUEST');
});

test('what is not JSON is a 400', async () => {
  for (const body of ['', '{', 'null', '"{viewer{scopes}}"']) {
    await refused(await post(body), 400, 'BAD_REQUEST');
  }
});

test('an answer that is not accepted is a 406', async () => {
  const query = '{ viewer { scopes } }';
  await refused(await post({ query }, { accept: 'text/html' }), 406, 'BAD_REQUEST');
  const live = 'subscription { campaignsChanged { cursor } }';
  await refused(await post({ query: live }, { accept: 'application/json' }), 406, 'BAD_REQUEST');
});

test('other methods are a 405', async () => {
  const response = await fetchWithKey(url, { method: 'PATCH', body: '{}' });
  assert.equal(response.headers.get('allow'), 'GET, POST, PUT, DELETE');
  await refused(response, 405, 'BAD_REQUEST');
});

test('no key, and a wrong one, are a 401', async () => {
  const body = JSON.stringify({ query: '{ viewer { scopes } }' });
  for (const authorization of [undefined, 'Bearer sk_wrong', 'Basic abc']) {
    const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
    for (const accept of ['application/json', 'text/event-stream']) {
      const response = await fetch(url, { method: 'POST', headers: { ...headers, accept }, body });
      assert.equal(response.headers.get('www-authenticate'), 'Bearer');
      await refused(response, 401, 'UNAUTHENTICATED');
    }
  }
});

test('a body that is too long is a 413', async () => {
  const { status, limit } = await refusal(await post(' '.repeat(300_000)));
  assert.deepEqual([status, limit], [413, { name: 'BODY_BYTES', maximum: 262144, found: 300000 }]);
});

test('a document is so deep and no deeper', async () => {
  const deep = (levels) => `{ ${'viewer { apiKey { sites { nodes { '.repeat(levels)} id ${'} } } } '.repeat(levels)} }`;
  await exceeds(deep(3), 'DEPTH', 12, 13);
  const introspect = (levels) => `{ __schema { types { ${'ofType { '.repeat(levels)} name ${'} '.repeat(levels)} } } }`;
  await exceeds(introspect(18), 'INTROSPECTION_DEPTH', 20, 21);
});

test('aliases, directives and tokens are counted', async () => {
  const aliases = (count) => `{ ${Array.from({ length: count }, (_, n) => `a${n}: __typename`).join(' ')} }`;
  await exceeds(aliases(51), 'ALIASES', 50, 51);
  await exceeds(aliases(20_000).slice(0, 65_000), 'TOKENS', 5000, (await tokensOf(aliases(20_000).slice(0, 65_000))));
  await exceeds(`{ __typename ${'@include(if: true) '.repeat(51)} }`, 'DIRECTIVES', 50, 51);
});

/** As many as the service says: the number itself is no part of any protocol. */
async function tokensOf(query) {
  return (await refusal(await post({ query }, NEWER))).limit.found;
}

test('what costs too much is told with its cost', async () => {
  const query = '{ site { campaigns(first: 100) { nodes { messages(first: 100) { nodes { id } } } } } }';
  const { status, code, limit } = await refusal(await post({ query }, NEWER));
  assert.deepEqual([status, code], [400, 'COST_EXCEEDED']);
  assert.deepEqual(limit, { name: 'COST', maximum: 1000, found: 10202 });
});

test('a circle of fragments is refused', async () => {
  const query = '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }';
  await refused(await post({ query }, NEWER), 400, 'GRAPHQL_VALIDATION_FAILED');
});

test('nothing is suggested', async () => {
  const response = await post({ query: '{ viewr { scopes } }' }, NEWER);
  const text = await response.text();
  assert.equal(/did you mean/i.test(text), false, text);
});

test('a missing variable keeps every mutation from running', async () => {
  const query = `mutation($id: ID!) { a: ${DELETE.slice(11, -1)} b: campaignDelete(id: $id) { userErrors { code } } }`;
  await refused(await post({ query }, NEWER), 400, 'BAD_USER_INPUT');
});

test('ids of nobody are answered byte for byte alike', async () => {
  const texts = new Set();
  for (const id of [crypto.randomUUID(), crypto.randomUUID()].map((uuid) => `camp_${uuid.replaceAll('-', '')}`)) {
    const query = 'query($id: ID!) { campaign(id: $id) { id } node(id: $id) { id } }';
    texts.add(await (await post({ query, variables: { id } })).text());
  }
  assert.equal(texts.size, 1);
});

test('a field written too often is refused', async () => {
  await exceeds(`{ ${'__typename '.repeat(101)} }`, 'REPEATS', 100, 101);
  const fields = Array.from({ length: 2_001 }, (_, n) => `f${n}`).join(' ');
  await exceeds(`{ ${fields} }`, 'SELECTIONS', 2000, 2001);
});

test('lists of the schema do not multiply', async () => {
  const circle = `{ __schema { types { ${'fields { type { '.repeat(4)} name ${'} } '.repeat(4)} } } }`;
  await exceeds(circle, 'INTROSPECTION_LISTS', 2, 4);
});

test('no trace of the execution is told', async () => {
  const { extensions } = await (await post({ query: '{ viewer { scopes } }' })).json();
  assert.deepEqual(Object.keys(extensions), ['cost']);
});

test('introspection as tools ask for it is answered', async () => {
  const { data } = await (await post({ query: getIntrospectionQuery({ inputValueDeprecation: true }) })).json();
  assert.ok(data.__schema.types.length > 50);
});
