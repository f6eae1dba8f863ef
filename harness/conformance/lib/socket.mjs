// A socket that is driven frame by frame.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { authorization, socketUrl } from './service.mjs';

export const PROTOCOL = 'graphql-transport-ws';
const PATIENCE_MS = 20_000;

export class Socket {
  #messages = [];
  #waiting = [];

  constructor(ws) {
    this.ws = ws;
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    ws.on('message', (text) => {
      const message = { ...JSON.parse(text), raw: String(text) };
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#messages.push(message);
    });
    ws.on('error', () => {});
  }

  /** A socket that has said nothing yet. */
  static async fresh(options = {}) {
    const ws = new WebSocket(socketUrl, options.protocols ?? PROTOCOL, { headers: options.headers });
    const socket = new Socket(ws);
    await once(ws, 'open');
    return socket;
  }

  /** A socket that was acknowledged. */
  static async ready() {
    const socket = await Socket.fresh();
    socket.send({ type: 'connection_init', payload: { authorization } });
    assert.equal((await socket.receive()).type, 'connection_ack');
    return socket;
  }

  /** The status with which the opening is refused. */
  static refused(protocols, headers = {}) {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(socketUrl, protocols, { headers });
      ws.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode);
        response.destroy();
      });
      ws.on('open', () => reject(new Error('it opened')));
      ws.on('error', () => {});
    });
  }

  send(message) {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id, query, variables) {
    this.send({ type: 'subscribe', id, payload: { query, variables } });
  }

  /** The next message; pings of the server are passed over. */
  async receive(type) {
    for (;;) {
      const message = await this.#next();
      if (message.type !== 'ping' || type === 'ping') return message;
    }
  }

  #next() {
    const message = this.#messages.shift();
    if (message) return Promise.resolve(message);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no message came')), PATIENCE_MS);
      this.closed.then(({ code, reason }) => reject(new Error(`closed with ${code} ${reason}`)));
      this.#waiting.push((next) => {
        clearTimeout(late);
        resolve(next);
      });
    });
  }

  /** Nothing but this code ends the socket, with a reason that fits its frame. */
  async closes(code) {
    const end = await this.closed;
    assert.equal(end.code, code, end.reason);
    assert.ok(Buffer.byteLength(end.reason) <= 123);
  }

  async close() {
    this.ws.close();
    await this.closed;
  }
}
