// Talking to the server: JSON out, JSON or packed arrays in.

export class Refused extends Error {}

const SIZES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

export function unpack(buffer) {
  const view = new DataView(buffer);
  const length = view.getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  at += -at & 3;
  const arrays = {};
  for (const { name, dtype, length: n } of head.arrays) {
    const Kind = SIZES[dtype];
    arrays[name] = new Kind(buffer, at, n);
    const size = n * Kind.BYTES_PER_ELEMENT;
    at += size + (-size & 3);
  }
  return { head, arrays };
}

export class Api {
  // The server shows everybody only what they may see, so every question says who asks.
  constructor(base, annotator) {
    this.base = new URL(base, document.baseURI).href;
    this.annotator = annotator;
  }

  url(path, query = {}) {
    return `${this.base}/${path}?${new URLSearchParams({ ...query, annotator: this.annotator() })}`;
  }

  thumb(id) {
    return `${this.base}/thumb/${id}.webp`;
  }

  picture(id) {
    return `${this.base}/picture/${id}`;
  }

  async get(path, query, signal) {
    const response = await fetch(this.url(path, query), { signal });
    await refuse(response);
    return response.json();
  }

  async arrays(path, query, signal) {
    const response = await fetch(this.url(path, query), { signal });
    await refuse(response);
    return unpack(await response.arrayBuffer());
  }

  async post(path, body, signal) {
    const response = await fetch(`${this.base}/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Fewshot": "1" },
      body: JSON.stringify(body),
      signal,
    });
    await refuse(response);
    return response.json();
  }
}

// A 4xx is an answer (the sentence says what is wrong); a 5xx or no connection is not.
async function refuse(response) {
  if (response.ok) return;
  let sentence = `The server answered ${response.status}.`;
  try {
    sentence = (await response.json()).error ?? sentence;
  } catch {
    /* no JSON: the status must do */
  }
  if (response.status < 500) throw new Refused(sentence);
  throw new Error(sentence);
}
