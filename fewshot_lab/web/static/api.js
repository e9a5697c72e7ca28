// @ts-check
// Talking to the server: JSON out, JSON or packed arrays in.

/** An answer that says what is wrong. */
export class RequestError extends Error {}

/** @typedef {Record<string, string | number>} Query */

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

/**
 * @param {ArrayBuffer} buffer
 * @returns {{ head: any, arrays: Record<string, any> }}
 */
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  at += -at & 3;
  const arrays = /** @type {Record<string, any>} */ ({});
  for (const { name, dtype, length: n } of head.arrays) {
    const TypedArray = ARRAYS[/** @type {keyof typeof ARRAYS} */ (dtype)];
    arrays[name] = new TypedArray(buffer, at, n);
    const size = n * TypedArray.BYTES_PER_ELEMENT;
    at += size + (-size & 3);
  }
  return { head, arrays };
}

export class Api {
  /**
   * The server shows everybody only what they may see, so every question says who asks.
   * @param {string} base
   * @param {() => string} annotator
   */
  constructor(base, annotator) {
    this.base = new URL(base, document.baseURI).href;
    this.annotator = annotator;
  }

  /**
   * @param {string} path
   * @param {Query} [query]
   */
  url(path, query = {}) {
    const values = /** @type {Record<string, string>} */ ({ ...query, annotator: this.annotator() });
    return `${this.base}/${path}?${new URLSearchParams(values)}`;
  }

  /** @param {string} id */
  thumbnail(id) {
    return `${this.base}/thumb/${id}.webp`;
  }

  /** @param {string} id */
  picture(id) {
    return `${this.base}/picture/${id}`;
  }

  /**
   * A slice of the volume that an image is one of.
   * @param {string} id
   * @param {number} number
   */
  slice(id, number) {
    return `${this.base}/image/${id}/sequence/${number}`;
  }

  /**
   * @param {string} path
   * @param {Query} [query]
   */
  async get(path, query) {
    return (await checked(fetch(this.url(path, query)))).json();
  }

  /**
   * @param {string} path
   * @param {Query} query
   * @param {AbortSignal} [signal]
   */
  async arrays(path, query, signal) {
    const response = await checked(fetch(this.url(path, query), { signal }));
    const later = Number(response.headers.get("X-Fewshot-Later") ?? 0);
    return { ...unpack(await response.arrayBuffer()), later };
  }

  /**
   * @param {string} path
   * @param {object} body
   * @param {AbortSignal} [signal]
   */
  async post(path, body, signal) {
    const headers = { "Content-Type": "application/json", "X-Fewshot": "1" };
    const request = { method: "POST", headers, body: JSON.stringify(body), signal };
    return (await checked(fetch(`${this.base}/${path}`, request))).json();
  }
}

/**
 * A 4xx is an answer (the sentence says what is wrong), and so is a 503: a full disk, a database
 * that is away. Another 5xx or no connection is not.
 * @param {Promise<Response>} answer
 */
async function checked(answer) {
  const response = await answer;
  if (response.ok) return response;
  let sentence = `The server answered ${response.status}.`;
  try {
    sentence = (await response.json()).error ?? sentence;
  } catch {
    /* no JSON: the status must do */
  }
  throw response.status < 500 || response.status === 503 ? new RequestError(sentence) : new Error(sentence);
}
