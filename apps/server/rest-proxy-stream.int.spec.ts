import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from './testing/running-service.js';

interface Stream {
  readonly sent: ClientRequest;
  readonly response: IncomingMessage;
  /** The next answer. */
  next(): Promise<Record<string, unknown>>;
}

describe('a stream of records over HTTP', () => {
  let running: RunningService;
  let path: string;
  beforeAll(async () => {
    running = await runService({ WEIR_HTTP_REQUEST_TIMEOUT_MS: '1000' });
    const clusters = (await (await fetch(`${running.url}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
    path = `/v3/clusters/${clusters.data[0]!.cluster_id}/topics`;
    const topic = JSON.stringify({ topic_name: 'streamed', partitions_count: 1 });
    await fetch(`${running.url}${path}`, {
      method: 'POST',
      body: topic,
      headers: { 'content-type': 'application/json' },
    });
  });
  afterAll(() => running.stop());

  const post = (to: string): ClientRequest => {
    const { hostname, port } = new URL(running.url);
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    return request({ hostname, port, method: 'POST', path: to, headers, agent: false });
  };

  const open = async (prefix = ''): Promise<Stream> => {
    const sent = post(`${prefix}${path}/streamed/records`);
    sent.flushHeaders();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    const lines = response.setEncoding('utf8')[Symbol.asyncIterator]();
    return {
      sent,
      response,
      async next() {
        while (!text.includes('\r\n')) {
          const chunk = (await lines.next()) as IteratorResult<string>;
          if (chunk.done === true) return { end: true };
          text += chunk.value;
        }
        const end = text.indexOf('\r\n');
        const answer = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
        text = text.slice(end + 2);
        return answer;
      },
    };
  };
  const record = (data: string) => JSON.stringify({ value: { type: 'STRING', data } });

  it('is answered record by record while the request is still open, half a record waiting for its other half', async () => {
    const stream = await open('/kafka');
    stream.sent.write(record('a') + record('b').slice(0, 9));
    const first = await stream.next();
    expect(first).toMatchObject({ error_code: 200, topic_name: 'streamed' });
    stream.sent.write(record('b').slice(9));
    expect(await stream.next()).toMatchObject({ offset: (first['offset'] as number) + 1 });
    stream.sent.end();
    expect(await stream.next()).toEqual({ end: true });
  });

  it('may be open for longer than a request may take to arrive, which others may not', async () => {
    const stream = await open();
    const other = post(path);
    other.write('{"topic_name":');
    // The control: by the time it is refused, the stream would have been, too.
    const [refusal] = (await once(other, 'response')) as [IncomingMessage];
    expect(refusal.statusCode).toBe(408);
    stream.sent.write(record('late'));
    expect(await stream.next()).toMatchObject({ error_code: 200 });
    stream.sent.end();
    expect(await stream.next()).toEqual({ end: true });
  });

  it('ends at text that is no JSON, with everything before it written and answered', async () => {
    const stream = await open();
    stream.sent.write(`${record('good')}nonsense ${record('never')}`);
    expect(await stream.next()).toMatchObject({ error_code: 200 });
    expect(await stream.next()).toMatchObject({ error_code: 400 });
    expect(await stream.next()).toEqual({ end: true });
    stream.sent.destroy();
  });

  it('ends in order when the service stops', async () => {
    const other = await runService();
    try {
      const clusters = (await (await fetch(`${other.url}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
      const { hostname, port } = new URL(other.url);
      const sent = request({
        hostname,
        port,
        method: 'POST',
        path: `/v3/clusters/${clusters.data[0]!.cluster_id}/topics/none/records`,
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
        agent: false,
      });
      sent.on('error', () => undefined);
      sent.write(record('x'));
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(response, 'data');
      expect(text).toContain('40401');
      const ended = once(response, 'end');
      await Promise.all([other.service.stop(), ended]);
      expect(text).toContain('50003');
    } finally {
      await other.stop();
    }
  });
});
