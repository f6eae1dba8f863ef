// The service under test, named by the environment, and the plainest way to ask it.

export const url = required('SENDOFF_URL');
export const key = required('SENDOFF_KEY');
export const authorization = `Bearer ${key}`;
export const socketUrl = url.replace(/^http/, 'ws');

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}: README.md says to what`);
  return value;
}

/** A fetch that carries the key. */
export function fetchWithKey(input, init = {}) {
  const headers = new Headers(init.headers);
  headers.set('authorization', authorization);
  return fetch(input, { ...init, headers });
}

/** The whole answer to a POST of this body; the headers add to or replace the usual ones. */
export async function post(body, headers = {}) {
  return fetchWithKey(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** The data of an operation that must succeed, without errors and without user errors. */
export async function ask(query, variables = {}) {
  const response = await post({ query, variables });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  for (const payload of Object.values(data)) {
    if (payload?.userErrors?.length) throw new Error(JSON.stringify(payload.userErrors));
  }
  return data;
}
