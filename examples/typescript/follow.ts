// Lists the campaigns of a site, or follows one live until its status is final:
//   SENDOFF_KEY=sk_… npm start            SENDOFF_KEY=sk_… npm start camp_…
// A stream that breaks off is opened again from the last cursor, so that nothing is missed or told twice.
import { setTimeout as wait } from 'node:timers/promises';
import { graphql } from './generated/gql.js';
import type { FollowSubscription, TypedDocumentString } from './generated/graphql.js';

const CAMPAIGNS = graphql(`
  query Campaigns($first: Int!) {
    site {
      name
      campaigns(first: $first) { nodes { id name status } }
    }
  }
`);

const FOLLOW = graphql(`
  subscription Follow($id: ID!, $after: EventCursor) {
    campaignStatusChanged(campaignId: $id, after: $after) {
      cursor
      event { occurredAt toStatus }
      campaign { name status }
    }
  }
`);

const URL = process.env.SENDOFF_URL ?? 'http://127.0.0.1:8080/graphql';
const RETRY_MS = 1_000;

type Answer<Data> = { data?: Data; errors?: { message: string }[] };

async function post<Data, Variables>(
  accept: string,
  query: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Response> {
  const authorization = `Bearer ${process.env.SENDOFF_KEY}`;
  const headers = { accept, authorization, 'content-type': 'application/json' };
  const body = JSON.stringify({ query, variables });
  const response = await fetch(URL, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}

function dataOf<Data>({ data, errors }: Answer<Data>): Data {
  if (errors || !data) throw new Error(errors?.map((error) => error.message).join('; '));
  return data;
}

/** The answers of a subscription as they come; returns whether it has told its last. */
async function* subscribe<Data, Variables>(
  query: TypedDocumentString<Data, Variables>,
  variables: Variables,
): AsyncGenerator<Data, boolean> {
  const { body } = await post('text/event-stream', query, variables);
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      if (event.startsWith('event: complete')) return true;
      const [, json] = event.split('\ndata: ');
      if (json) yield dataOf(JSON.parse(json) as Answer<Data>);
    }
  }
  return false;
}

async function ask<Data, Variables>(
  query: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await post('application/graphql-response+json', query, variables);
  return dataOf((await response.json()) as Answer<Data>);
}

async function list(): Promise<void> {
  const { site } = await ask(CAMPAIGNS, { first: 50 });
  for (const { id, name, status } of site?.campaigns.nodes ?? []) console.log(id, status, name);
}

async function follow(id: string): Promise<void> {
  let after: string | null = null;
  for (let ended = false; !ended; ) {
    const changes: AsyncGenerator<FollowSubscription, boolean> = subscribe(FOLLOW, { id, after });
    let next = await changes.next();
    for (; !next.done; next = await changes.next()) {
      const { cursor, event, campaign } = next.value.campaignStatusChanged;
      console.log(event?.occurredAt ?? 'now', event?.toStatus ?? campaign?.status);
      after = cursor;
    }
    ended = next.value;
    if (!ended) await wait(RETRY_MS);
  }
}

const [, , id] = process.argv;
await (id ? follow(id) : list());
