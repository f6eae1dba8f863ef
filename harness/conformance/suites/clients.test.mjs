// The clients that others wrote, each following a campaign from draft to its end, and each told of a refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';
import { authorization, fetchWithKey, socketUrl, url } from '../lib/service.mjs';
import { FOLLOW, follow } from '../lib/story.mjs';

const REFUSED = 'subscription { nothingOfTheKind }';
const QUERY = '{ viewer { scopes } }';

function socketClient() {
  return createSocketClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    keepAlive: 1_000,
    lazyCloseTimeout: 0,
    retryAttempts: 0,
  });
}

function sseClient(singleConnection) {
  return createSseClient({
    url,
    singleConnection,
    headers: { authorization },
    fetchFn: fetch,
    retryAttempts: 0,
    lazyCloseTimeout: 0,
  });
}

/** The first answer of an operation, or the error that ends it. */
function first(client, query) {
  return new Promise((resolve, reject) => {
    const stop = client.subscribe({ query }, {
      next: (answer) => resolve(answer),
      error: reject,
      complete: () => reject(new Error('completed without an answer')),
    });
    void stop;
  });
}

const PROTOCOL_CLIENTS = [
  ['graphql-ws', socketClient],
  ['graphql-sse, distinct connections', () => sseClient(false)],
  ['graphql-sse, single connection', () => sseClient(true)],
];

for (const [name, make] of PROTOCOL_CLIENTS) {
  test(`${name} follows a campaign`, async () => {
    const client = make();
    await follow(name, (id, sink) => client.subscribe({ query: FOLLOW, variables: { id } }, sink));
    client.dispose();
  });

  test(`${name} runs a query`, async () => {
    const client = make();
    const answer = await first(client, QUERY);
    assert.ok(answer.data.viewer.scopes.length > 0);
    assert.equal(answer.extensions.cost.requestedQueryCost, 1);
    client.dispose();
  });
}

test('graphql-ws is told of a refusal as an error', async () => {
  const client = socketClient();
  await assert.rejects(first(client, REFUSED), ([error]) => {
    assert.equal(error.extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    return true;
  });
  client.dispose();
});

for (const single of [false, true]) {
  test(`graphql-sse is told of a refusal in an answer, single connection: ${single}`, async () => {
    const client = sseClient(single);
    const answer = await first(client, REFUSED);
    assert.equal(answer.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    assert.equal('data' in answer, false);
    client.dispose();
  });
}

test('graphql-sse in single connection mode follows three campaigns at once', async () => {
  const client = sseClient(true);
  const one = (name) =>
    follow(name, (id, sink) => client.subscribe({ query: FOLLOW, variables: { id } }, sink));
  await Promise.all([one('first'), one('second'), one('third')]);
  client.dispose();
});

function apollo() {
  const link = new HttpLink({ uri: url, fetch: fetchWithKey });
  return new ApolloClient({ link, cache: new InMemoryCache() });
}

test('Apollo Client follows a campaign over multipart', async () => {
  const client = apollo();
  await follow('Apollo', (id, sink) =>
    client.subscribe({ query: gql(FOLLOW), variables: { id }, fetchPolicy: 'no-cache' }).subscribe({
      next: ({ data, error }) => (error ? sink.error(error) : sink.next({ data })),
      error: sink.error,
      complete: sink.complete,
    }));
  client.stop();
});

test('Apollo Client runs a query and is told of a refusal', async () => {
  const client = apollo();
  const { data } = await client.query({ query: gql(QUERY) });
  assert.ok(data.viewer.scopes.length > 0);
  const refused = new Promise((resolve) => {
    client.subscribe({ query: gql(REFUSED) }).subscribe({
      next: ({ error }) => resolve(error),
      error: resolve,
    });
  });
  assert.match(JSON.stringify(await refused), /GRAPHQL_VALIDATION_FAILED/);
  client.stop();
});

test('urql follows a campaign', async () => {
  const client = new Client({
    url,
    fetch: fetchWithKey,
    fetchSubscriptions: true,
    preferGetMethod: false,
    exchanges: [fetchExchange],
  });
  await follow('urql', (id, sink) => {
    let [pull, last] = [];
    // A wonka source tells its start, each value and its end to a sink like this one.
    client.subscription(FOLLOW, { id })((signal) => {
      if (signal === 0) return sink.complete();
      if (signal.tag === 0) [pull] = [signal[0]];
      else if (signal[0].error) return sink.error(signal[0].error);
      // At its end urql tells the last value again, as one that nothing follows.
      else if (signal[0].data !== last) sink.next({ data: (last = signal[0].data) });
      pull(0);
    });
  });
});
