import { connect as connectPlain, type Socket } from 'node:net';
import { Failure } from '../failure.js';

/** The proxy for an address by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; undefined where none is to be used. */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  const of = (name: string): string | undefined => env[name] || env[name.toLowerCase()] || undefined;
  const proxy = url.protocol === 'https:' ? of('HTTPS_PROXY') : of('HTTP_PROXY');
  if (proxy === undefined || isExcepted(url, of('NO_PROXY'))) return undefined;
  try {
    return new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
  } catch (cause) {
    throw new Failure({
      code: 'proxy-invalid',
      exit: 'usage',
      message: `'${proxy}' is no address of a proxy.`,
      hint: 'It is named by HTTPS_PROXY or HTTP_PROXY.',
      cause,
    });
  }
}

/** Names match themselves and what ends with them after a dot; `*` matches all. */
function isExcepted(url: URL, exceptions: string | undefined): boolean {
  return (exceptions ?? '')
    .split(/[\s,]+/)
    .filter((one) => one !== '')
    .some((one) => {
      const name = one.replace(/^\./, '');
      return one === '*' || url.hostname === name || url.host === name || url.hostname.endsWith(`.${name}`);
    });
}

/** What a proxy is shown of its user: the part of its address before the `@`. */
export function proxyCredentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** A proxy that does not answer. */
export function proxyFailed(proxy: URL, cause: unknown): Failure {
  const { code, message } = cause as { code?: string; message?: string };
  return failed(proxy, `cannot be reached: ${code === 'ECONNREFUSED' ? 'nothing listens there' : message}`, cause);
}

function failed(proxy: URL, message: string, cause?: unknown): Failure {
  return new Failure({
    code: 'proxy-failed',
    exit: 'unreachable',
    message: `The proxy ${proxy.host} ${message}.`,
    hint: 'It is named by HTTPS_PROXY or HTTP_PROXY; addresses in NO_PROXY go without it.',
    cause,
  });
}

/** A connection through a proxy, encrypted from end to end. @throws Failure when the proxy refuses or does not answer. */
export async function tunnel(proxy: URL, to: URL, ca: readonly string[] | undefined): Promise<Socket> {
  const { connect } = await import('node:tls');
  const place = `${to.hostname}:${to.port || 443}`;
  const plain = await new Promise<Socket>((resolve, reject) => {
    const socket = connectPlain(Number(proxy.port || 80), proxy.hostname);
    const credentials = Object.entries(proxyCredentials(proxy)).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.once('error', (error) => reject(proxyFailed(proxy, error)));
    socket.once('connect', () =>
      socket.write(`CONNECT ${place} HTTP/1.1\r\nhost: ${place}\r\n${credentials.join('')}\r\n`),
    );
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      const status = /^HTTP\/1\.\d (\d{3})/.exec(head)?.[1];
      if (status === '200') return resolve(socket);
      socket.destroy();
      reject(failed(proxy, `refused to connect to ${place} (${status ?? 'no HTTP'})`));
    };
    socket.on('data', read);
  });
  return connect({ socket: plain, servername: to.hostname, ...(ca === undefined ? {} : { ca: [...ca] }) });
}
