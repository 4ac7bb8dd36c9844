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

/** A connection through a proxy, encrypted from end to end. @throws Failure when the proxy refuses or does not answer. */
export async function tunnel(proxy: URL, to: URL, ca: readonly string[] | undefined): Promise<Socket> {
  const { connect } = await import('node:tls');
  const place = `${to.hostname}:${to.port || 443}`;
  const failed = (message: string, cause?: unknown): Failure =>
    new Failure({
      code: 'proxy-failed',
      exit: 'unreachable',
      message: `The proxy ${proxy.host} ${message}.`,
      hint: 'It is named by HTTPS_PROXY; addresses in NO_PROXY go without it.',
      cause,
    });
  const plain = await new Promise<Socket>((resolve, reject) => {
    const socket = connectPlain(Number(proxy.port || 80), proxy.hostname);
    const credentials =
      proxy.username === ''
        ? ''
        : `proxy-authorization: Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}\r\n`;
    socket.once('error', (error) => reject(failed(`cannot be reached: ${error.message}`, error)));
    socket.once('connect', () => socket.write(`CONNECT ${place} HTTP/1.1\r\nhost: ${place}\r\n${credentials}\r\n`));
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      const status = /^HTTP\/1\.\d (\d{3})/.exec(head)?.[1];
      if (status === '200') return resolve(socket);
      socket.destroy();
      reject(failed(`refused to connect to ${place} (${status ?? 'no HTTP'})`));
    };
    socket.on('data', read);
  });
  return connect({ socket: plain, servername: to.hostname, ...(ca === undefined ? {} : { ca: [...ca] }) });
}
