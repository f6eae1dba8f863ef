// A campaign that a client follows live: each event makes the next thing happen, so that a client which is told
// late, or not at all, never comes to the end.
import assert from 'node:assert/strict';
import { ask } from './service.mjs';

/** The subscription that every client follows. */
export const FOLLOW = `subscription Follow($id: ID!, $after: EventCursor) {
  campaignStatusChanged(campaignId: $id, after: $after) {
    cursor
    kind
    event { sequence fromStatus toStatus }
    campaign { id status }
  }
}`;

/** How long one client may take for the whole story. */
const PATIENCE_MS = 30_000;

const ERRORS = 'userErrors { code message field }';
const ACTIVATE = `mutation($id: ID!, $input: CampaignActivateInput!) {
  campaignActivate(id: $id, input: $input) { campaign { status } ${ERRORS} } }`;
const CANCEL = `mutation($id: ID!) { campaignCancel(id: $id) { campaign { status } ${ERRORS} } }`;

/** A new draft. */
export async function draft(name) {
  const { site } = await ask('{ site { audiences(first: 1) { nodes { id } } } }');
  const input = {
    name,
    audienceIds: site.audiences.nodes.map((audience) => audience.id),
    steps: [{ body: 'Hello. Reply STOP to opt out.' }],
  };
  const create = `mutation($input: CampaignCreateInput!) {
    campaignCreate(input: $input) { campaign { id } ${ERRORS} } }`;
  return (await ask(create, { input })).campaignCreate.campaign.id;
}

const activate = (id, schedule) => ask(ACTIVATE, { id, input: { schedule } });

/** What is done about the n-th event. The last ends the campaign, whatever it has come to. */
const ACTS = [
  (id) => activate(id, { atStoreTime: { localDateTime: nextYear() } }),
  (id) => ask(CANCEL, { id }),
  (id) => activate(id, { now: true }),
  (id) => ask(CANCEL, { id }).catch(unlessSent),
];

function nextYear() {
  return `${new Date().getUTCFullYear() + 1}-06-01T12:00:00`;
}

/** A campaign that was sent before the cancel came is at its end too. */
function unlessSent(error) {
  if (!String(error).includes('WRONG_STATUS')) throw error;
}

/**
 * Lets a client follow a campaign. `subscribe(id, sink)` begins, and calls `sink.next` with each answer and
 * `sink.complete` or `sink.error` at the end.
 */
export async function follow(name, subscribe) {
  const id = await draft(name);
  const seen = [];
  await new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`not at the end in time; seen: ${statuses(seen)}`)),
      PATIENCE_MS,
    );
    const end = (settle) => (value) => {
      clearTimeout(late);
      settle(value);
    };
    subscribe(id, {
      next(answer) {
        const change = answer.data?.campaignStatusChanged;
        if (answer.errors || !change) return end(reject)(new Error(JSON.stringify(answer)));
        seen.push(change);
        ACTS[seen.length - 1]?.(id).catch(end(reject));
      },
      error: end((error) => reject(error instanceof Error ? error : new Error(JSON.stringify(error)))),
      complete: end(resolve),
    });
  });
  const told = statuses(seen);
  assert.deepEqual(told.slice(0, 4), ['DRAFT', 'SCHEDULED', 'DRAFT', 'PROCESSING']);
  assert.ok(['CANCELED', 'SENT'].includes(told.at(-1)), told.join(' '));
  const sequences = seen.slice(1).map((change) => change.event.sequence);
  assert.deepEqual(sequences, [...sequences].sort((one, other) => one - other));
  assert.equal(new Set(sequences).size, sequences.length);
  return seen;
}

function statuses(seen) {
  return seen.map((change) => change.event?.toStatus ?? change.campaign.status);
}
