import type { DestinationStream } from 'pino';

const LEVELS: Readonly<Record<string, string>> = { warn: 'warning: ', error: 'error: ', fatal: 'fatal: ' };
const QUIET = new Set(['time', 'level', 'msg', 'component', 'err']);

/** Log lines for people: time, what happened, the facts as `name=value`, and the stack of an error below. */
export function prettyStream(out: { write(text: string): unknown }): DestinationStream {
  return {
    write(line: string): void {
      out.write(`${pretty(line)}\n`);
    },
  };
}

export function pretty(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line.trimEnd();
  }
  const time = typeof entry['time'] === 'string' ? entry['time'].slice(11, 19) : '';
  const facts = Object.entries(entry)
    .filter(([name]) => !QUIET.has(name))
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? oneLine(value) : JSON.stringify(value)}`);
  const error = entry['err'] as { stack?: unknown; message?: unknown } | undefined;
  const stack = error === undefined ? '' : `\n${String(error.stack ?? error.message)}`;
  return `${time} ${LEVELS[String(entry['level'])] ?? ''}${oneLine(String(entry['msg'] ?? ''))}${facts.join('')}${stack}`;
}

/** A terminal obeys control characters, so none gets there from a fact. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
