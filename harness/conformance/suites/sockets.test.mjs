// `graphql-transport-ws`, frame by frame: the handshake, every message, every close code that a client can bring
// about.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorization } from '../lib/service.mjs';
import { PROTOCOL, Socket } from '../lib/socket.mjs';

const QUERY = '{ viewer { scopes } }';
const LIVE = 'subscription { campaignsChanged { cursor } }';
const INIT = { type: 'connection_init', payload: { authorization } };

test('no subprotocol: 400', async () => assert.equal(await Socket.refused([]), 400));

test('the legacy subprotocol alone: 400', async () => {
  assert.equal(await Socket.refused(['graphql-ws']), 400);
});

test('among several the one that is served is chosen', async () => {
  const socket = await Socket.fresh({ protocols: ['graphql-ws', PROTOCOL] });
  assert.equal(socket.ws.protocol, PROTOCOL);
  await socket.close();
});

test('a page of a foreign origin: 403', async () => {
  assert.equal(await Socket.refused(PROTOCOL, { origin: 'https://evil.example' }), 403);
});

test('subscribe before connection_init: 4401', async () => {
  const socket = await Socket.fresh();
  socket.subscribe('1', QUERY);
  await socket.closes(4401);
});

test('no connection_init: 4408', async () => {
  const socket = await Socket.fresh();
  await socket.closes(4408);
});

test('a second connection_init: 4429', async () => {
  const socket = await Socket.ready();
  socket.send(INIT);
  await socket.closes(4429);
});

test('a second connection_init before the first is answered: 4429', async () => {
  const socket = await Socket.fresh();
  socket.send(INIT);
  socket.send(INIT);
  await socket.closes(4429);
});

test('no key, and a wrong one: 4403', async () => {
  for (const payload of [undefined, {}, { authorization: 'Bearer sk_wrong' }, { authorization: 7 }]) {
    const socket = await Socket.fresh();
    socket.send({ type: 'connection_init', payload });
    await socket.closes(4403);
  }
});

test('the key may come with the upgrade', async () => {
  const socket = await Socket.fresh({ headers: { authorization } });
  socket.send({ type: 'connection_init' });
  assert.equal((await socket.receive()).type, 'connection_ack');
  await socket.close();
});

const INVALID = {
  'not JSON': '{',
  'an empty message': '',
  'an array': [],
  'a text': '"ping"',
  'no type': {},
  'an unknown type': { type: 'start', id: '1' },
  'an unknown type of great length': { type: 'x'.repeat(1_000) },
  'a type of the server': { type: 'next', id: '1', payload: {} },
  'subscribe without an id': { type: 'subscribe', payload: { query: QUERY } },
  'subscribe with an empty id': { type: 'subscribe', id: '', payload: { query: QUERY } },
  'subscribe with an id that is no text': { type: 'subscribe', id: 1, payload: { query: QUERY } },
  'subscribe without a payload': { type: 'subscribe', id: '1' },
  'subscribe without a query': { type: 'subscribe', id: '1', payload: {} },
  'a query that is no text': { type: 'subscribe', id: '1', payload: { query: 1 } },
  'variables that are no object': { type: 'subscribe', id: '1', payload: { query: QUERY, variables: [] } },
  'complete without an id': { type: 'complete' },
  'a payload that is no object': { type: 'ping', payload: 1 },
};

for (const [what, message] of Object.entries(INVALID)) {
  test(`${what}: 4400`, async () => {
    const socket = await Socket.ready();
    socket.send(message);
    await socket.closes(4400);
  });
}

test('a binary message: 4400', async () => {
  const socket = await Socket.ready();
  socket.ws.send(Buffer.from(JSON.stringify({ type: 'ping' })), { binary: true });
  await socket.closes(4400);
});

test('a text that is not UTF-8: 1007', async () => {
  const socket = await Socket.ready();
  socket.ws.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
  await socket.closes(1007);
});

test('a message that is too long: 1009', async () => {
  const socket = await Socket.ready();
  socket.send({ type: 'ping', payload: { text: 'x'.repeat(300_000) } });
  await socket.closes(1009);
});

test('an id that is in use: 4409', async () => {
  const socket = await Socket.ready();
  socket.subscribe('1', LIVE);
  socket.subscribe('1', LIVE);
  await socket.closes(4409);
});

test('an id is free again after complete', async () => {
  const socket = await Socket.ready();
  for (let round = 0; round < 3; round += 1) {
    socket.subscribe('1', QUERY);
    const next = await socket.receive();
    assert.deepEqual([next.type, next.id], ['next', '1']);
    assert.equal((await socket.receive()).type, 'complete');
  }
  await socket.close();
});

test('an id is free again after the client completed it, and nothing more is told', async () => {
  const socket = await Socket.ready();
  socket.subscribe('1', LIVE);
  socket.send({ type: 'complete', id: '1' });
  socket.send({ type: 'complete', id: 'unknown' });
  socket.subscribe('1', QUERY);
  assert.deepEqual(Object.keys((await socket.receive()).payload.data), ['viewer']);
  assert.equal((await socket.receive()).type, 'complete');
  await socket.close();
});

const REFUSED = {
  'a syntax error': ['subscription {', 'GRAPHQL_PARSE_FAILED'],
  'an unknown field': ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
  'two root fields of a subscription': [`subscription { a: campaignsChanged { cursor } b: campaignsChanged { cursor } }`, 'GRAPHQL_VALIDATION_FAILED'],
  'a missing variable': ['query($id: ID!) { node(id: $id) { id } }', 'BAD_USER_INPUT'],
  'several operations and no name': ['query A { viewer { scopes } } query B { viewer { scopes } }', 'OPERATION_RESOLUTION_FAILURE'],
  'a subscription that is refused': ['subscription { campaignsChanged(siteId: "site_0") { cursor } }', 'NOT_FOUND'],
};

for (const [what, [query, code]] of Object.entries(REFUSED)) {
  test(`${what}: error, and no complete`, async () => {
    const socket = await Socket.ready();
    socket.subscribe('1', query);
    const error = await socket.receive();
    assert.deepEqual([error.type, error.id, error.payload[0].extensions.code], ['error', '1', code]);
    socket.send({ type: 'ping' });
    assert.equal((await socket.receive()).type, 'pong');
    await socket.close();
  });
}

test('ping is answered with its payload, also before connection_init', async () => {
  const socket = await Socket.fresh();
  socket.send({ type: 'ping', payload: { a: 1 } });
  assert.deepEqual((await socket.receive()).payload, { a: 1 });
  socket.send({ type: 'ping' });
  assert.equal((await socket.receive()).raw, '{"type":"pong"}');
  socket.send({ type: 'pong' });
  socket.send(INIT);
  assert.equal((await socket.receive()).type, 'connection_ack');
  await socket.close();
});

test('the server pings', async () => {
  const socket = await Socket.ready();
  assert.equal((await socket.receive('ping')).type, 'ping');
  socket.send({ type: 'pong' });
  await socket.close();
});

test('an answer keeps the order of its query', async () => {
  const socket = await Socket.ready();
  socket.subscribe('1', '{ z: __typename viewer { scopes } a: __typename }');
  const { raw } = await socket.receive();
  assert.ok(raw.indexOf('"z"') < raw.indexOf('"viewer"') && raw.indexOf('"viewer"') < raw.indexOf('"a"'), raw);
  await socket.close();
});

test('one operation too many on a socket is an error, and the socket goes on', async () => {
  const socket = await Socket.ready();
  for (let id = 0; id < 100; id += 1) socket.subscribe(String(id), LIVE);
  socket.subscribe('100', QUERY);
  const error = await socket.receive();
  assert.deepEqual([error.type, error.id], ['error', '100']);
  assert.deepEqual(error.payload[0].extensions.limit, { name: 'OPERATIONS_PER_CONNECTION', maximum: 100 });
  socket.send({ type: 'complete', id: '7' });
  socket.subscribe('100', QUERY);
  assert.equal((await socket.receive()).type, 'next');
  await socket.close();
});

test('one socket too many of a key: 1013', async () => {
  const sockets = [];
  for (let count = 0; count < 20; count += 1) sockets.push(await Socket.ready());
  const more = await Socket.fresh();
  more.send(INIT);
  await more.closes(1013);
  await Promise.all(sockets.map((socket) => socket.close()));
});
