import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { Failure } from '../failure.js';
import { reasonOf } from './refusal.js';

/** The proxy for an address by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; undefined where none is to be used. */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  const of = (name: string): string | undefined => env[name] || env[name.toLowerCase()] || undefined;
  const proxy = url.protocol === 'https:' ? of('HTTPS_PROXY') : of('HTTP_PROXY');
  if (proxy === undefined || isExcepted(url, of('NO_PROXY'))) return undefined;
  let cause: unknown;
  try {
    const address = new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
    if (address.protocol === 'http:' || address.protocol === 'https:') return address;
  } catch (error) {
    cause = error;
  }
  throw new Failure({
    code: 'proxy-invalid',
    exit: 'usage',
    message: `'${proxy}' is no address of an HTTP proxy.`,
    hint: 'It is named by HTTPS_PROXY or HTTP_PROXY, and begins with http:// or https://.',
    cause,
  });
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
  return failed(proxy, `cannot be reached: ${reasonOf(cause)}`, cause);
}

function failed(
  proxy: URL,
  message: string,
  cause?: unknown,
  hint = 'It is named by HTTPS_PROXY or HTTP_PROXY; addresses in NO_PROXY go without it.',
): Failure {
  return new Failure({
    code: 'proxy-failed',
    exit: 'unreachable',
    message: `The proxy ${proxy.host} ${message}.`,
    hint,
    cause,
  });
}

/** A connection through a proxy, encrypted from end to end. @throws Failure when the proxy refuses, hangs up or does not answer in time. */
export async function tunnel(
  proxy: URL,
  to: URL,
  ca: readonly string[] | undefined,
  answerMs: number,
): Promise<Socket> {
  const { connect } = await import('node:tls');
  const place = `${to.hostname}:${to.port || 443}`;
  const plain = await new Promise<Socket>((resolve, reject) => {
    const host = proxy.hostname.replace(/^\[|\]$/g, '');
    const socket: Socket =
      proxy.protocol === 'https:'
        ? connect({
            host,
            port: Number(proxy.port || 443),
            servername: isIP(host) === 0 ? host : '',
            ca: ca && [...ca],
          })
        : connectPlain(Number(proxy.port || 80), host);
    const give = (why: string, hint?: string): void => {
      socket.destroy();
      reject(failed(proxy, why, undefined, hint));
    };
    socket.setTimeout(answerMs, () => give('did not answer in time'));
    const onClose = (): void => give('hung up');
    socket.once('close', onClose);
    socket.once('end', onClose);
    const credentials = Object.entries(proxyCredentials(proxy)).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.once('error', (error) => reject(proxyFailed(proxy, error)));
    socket.once(proxy.protocol === 'https:' ? 'secureConnect' : 'connect', () =>
      socket.write(`CONNECT ${place} HTTP/1.1\r\nhost: ${place}\r\n${credentials.join('')}\r\n`),
    );
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      const status = /^HTTP\/1\.\d (\d{3})/.exec(head)?.[1];
      if (status !== '200')
        return give(
          `refused to connect to ${place} (${status ?? 'no HTTP'})`,
          status === '407' ? 'It asks for credentials: HTTPS_PROXY=http://user:password@host:port.' : undefined,
        );
      socket.setTimeout(0);
      for (const event of ['close', 'end']) socket.off(event, onClose);
      resolve(socket);
    };
    socket.on('data', read);
  });
  const name = to.hostname.replace(/^\[|\]$/g, '');
  return connect({
    socket: plain,
    // An address is no name that a server could be chosen by; its certificate is held against it all the same.
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
    ...(ca === undefined ? {} : { ca: [...ca] }),
  });
}
