/** An XML element. Strict: anything that is not in order throws, so that a test that parses is a test of being well formed. */
export class XMLish {
  readonly children: XMLish[] = [];
  text = '';

  private constructor(
    readonly name: string,
    readonly attributes: Readonly<Record<string, string>>,
  ) {}

  /** The document as an element without a name. @throws for what is not well formed. */
  static parse(xml: string): XMLish {
    const document = new XMLish('', {});
    const open = [document];
    const token = /<\?xml [^?]*\?>|<\/([\w:-]+)>|<([\w:-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
    while (token.lastIndex < xml.length) {
      const at = token.lastIndex;
      const match = token.exec(xml);
      if (match === null) throw new Error(`no XML at ${at}: ${xml.slice(at, at + 40)}`);
      const [, closed, opened, attributes, empty, text] = match;
      if (closed !== undefined) {
        if (open.pop()!.name !== closed) throw new Error(`</${closed}> closes another element`);
      } else if (opened !== undefined) {
        const element = new XMLish(
          opened,
          Object.fromEntries(
            [...attributes!.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value]) => [name!, plain(value!)]),
          ),
        );
        open.at(-1)!.children.push(element);
        if (empty === '') open.push(element);
      } else if (text !== undefined) open.at(-1)!.text += plain(text);
    }
    if (open.length !== 1) throw new Error(`<${open.at(-1)!.name}> is never closed`);
    return document;
  }

  /** The only child of that name. */
  only(name: string): XMLish {
    const found = this.children.filter((one) => one.name === name);
    if (found.length !== 1) throw new Error(`${found.length} elements <${name}>`);
    return found[0]!;
  }
}

function plain(text: string): string {
  if (/&(?!(?:amp|lt|gt|quot|apos);)/.test(text)) throw new Error(`a bare & in ${text}`);
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}
