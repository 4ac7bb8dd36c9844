/** One command of a page: what stands between two line ends that a shell would end a command at. */
export interface PageCommand {
  readonly text: string;
  /** Line of the page, from 1. */
  readonly line: number;
  /** The HTTP status its last `curl` is said to answer with; undefined: a success. */
  readonly status: number | undefined;
}

/** What the answer of a block's last command is compared with. */
export type Expected =
  { readonly kind: 'json'; readonly json: unknown } | { readonly kind: 'text'; readonly text: string };

export interface PageBlock {
  readonly line: number;
  readonly commands: readonly PageCommand[];
  readonly expected: Expected | undefined;
}

/** A page as far as a test can execute it. */
export interface Page {
  /** `WEIR_*` variables of the service the page is about. */
  readonly env: Readonly<Record<string, string>>;
  /** Addresses of further services that the page talks to. */
  readonly others: readonly string[];
  /** Files the page shows and relies on, by name. */
  readonly files: ReadonlyMap<string, string>;
  readonly blocks: readonly PageBlock[];
}

interface Fence {
  readonly language: string;
  readonly text: string;
  readonly line: number;
  /** What is written between the fence before and this one. */
  readonly before: string;
}

/**
 * Reads a Markdown page. Fenced `sh` blocks are commands; a `json` or `text` block right after one is the answer of its last command. Comments say the rest:
 * `<!-- expect: 409 -->` the status of the last command of the next block, `<!-- file: tokens.yaml -->` that the next block is that file,
 * `<!-- service: WEIR_AUTH_MODE=token -->` how the page's service is started, `<!-- other service: localhost:8082 -->` that there is a second one at that address.
 * @throws for JSON that is none, so that a page cannot promise what is never compared.
 */
export function readPage(markdown: string): Page {
  const fences = fencesOf(markdown);
  const files = new Map<string, string>();
  const blocks: PageBlock[] = [];
  fences.forEach((fence, index) => {
    const file = /<!-- file: (\S+) -->\s*$/.exec(fence.before)?.[1];
    if (file !== undefined) files.set(file, fence.text);
    if (fence.language !== 'sh') return;
    const status = /<!-- expect: (\d{3}) -->\s*$/.exec(fence.before)?.[1];
    const next = fences[index + 1];
    const answer = next !== undefined && next.before.trim() === '' ? next : undefined;
    const commands = commandsOf(fence.text, fence.line + 1);
    blocks.push({
      line: fence.line,
      commands: commands.map((command, at) => ({
        ...command,
        status: at === commands.length - 1 && status !== undefined ? Number(status) : undefined,
      })),
      expected: answer && expectedOf(answer),
    });
  });
  const others = [...markdown.matchAll(/<!-- other service: (\S+) -->/g)].map((match) => match[1]!);
  return { env: environmentOf(markdown), others, files, blocks };
}

function expectedOf({ language, text }: Fence): Expected | undefined {
  if (language === 'json') return { kind: 'json', json: JSON.parse(text) as unknown };
  return language === 'text' ? { kind: 'text', text } : undefined;
}

function fencesOf(markdown: string): Fence[] {
  const found: Fence[] = [];
  let open: { language: string; line: number; text: string[] } | undefined;
  let before: string[] = [];
  markdown.split('\n').forEach((line, index) => {
    const fence = /^```(\S*)\s*$/.exec(line);
    if (open === undefined) {
      if (fence === null) before.push(line);
      else open = { language: fence[1]!, line: index + 1, text: [] };
    } else if (fence !== null) {
      found.push({ language: open.language, line: open.line, text: open.text.join('\n'), before: before.join('\n') });
      open = undefined;
      before = [];
    } else open.text.push(line);
  });
  if (open !== undefined) throw new Error(`the fence of line ${open.line} is never closed`);
  return found;
}

function environmentOf(markdown: string): Record<string, string> {
  const given = /<!-- service: (.*?) -->/.exec(markdown)?.[1] ?? '';
  return Object.fromEntries([...given.matchAll(/(WEIR_\w+)=(\S+)/g)].map((match) => [match[1]!, match[2]!]));
}

/** Splits shell text at the line ends outside quotes that no backslash precedes; comment lines and blank lines are left out. */
function commandsOf(text: string, firstLine: number): { text: string; line: number }[] {
  const found: { text: string; line: number }[] = [];
  let current = '';
  let [line, begin] = [firstLine, firstLine];
  let quote: string | undefined;
  let comment = false;
  const end = (): void => {
    if (current.trim() !== '') found.push({ text: current.trim(), line: begin });
    current = '';
    comment = false;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\n') line++;
    if (comment && char !== '\n') continue;
    if (char === '\\' && quote !== "'") {
      current += char + (text[++at] ?? '');
      if (text[at] === '\n') line++;
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      current += char;
    } else if (char === '\n') end();
    else if (char === '#' && /(^|\s)$/.test(current)) comment = true;
    else {
      if (char === '"' || char === "'") quote = char;
      if (current.trim() === '') begin = line;
      current += char;
    }
  }
  end();
  return found;
}

/**
 * The names of all programs a command starts: after its begin, `|`, `&&`, `||`, `;` and `$(`. What stands in quotes is no command, except `$(…)` in double
 * quotes. Functions are named by what their body starts.
 */
export function programsOf(command: string): string[] {
  let plain = command.replace(/\\[\s\S]/g, '_').replace(/'[^']*'/g, '_');
  plain = plain.replace(/"([^"]*)"/g, (_, inside: string) =>
    inside.includes('$(') ? inside.replace(/[|;&]/g, '_') : '_',
  );
  plain = plain.replace(/^\s*\w+\(\)\s*\{/, ';');
  return plain
    .split(/\$\(|\|\||&&|[|;)}]/)
    .map((part) => part.trim().replace(/^(?:(?:until|while|do|done|if|then|fi)\b\s*|\w+=\S*\s*)+/, ''))
    .flatMap((part) => /^[\w./-]+/.exec(part)?.[0] ?? []);
}
