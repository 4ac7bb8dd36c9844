/**
 * JSON laid out for reading, two spaces deep. Numbers stand as they were written, since the largest are more than a number of JavaScript holds, and so does a member that occurs twice.
 * @returns undefined for what is no JSON.
 */
export function laidOutJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? [];
  let [out, depth] = ['', 0];
  const newLine = (): string => `\n${'  '.repeat(depth)}`;
  tokens.forEach((token, at) => {
    const isEmpty = (token === '{' && tokens[at + 1] === '}') || (token === '[' && tokens[at + 1] === ']');
    const closesEmpty = (token === '}' && tokens[at - 1] === '{') || (token === ']' && tokens[at - 1] === '[');
    if (isEmpty || closesEmpty) out += token;
    else if (token === '{' || token === '[') {
      depth++;
      out += token + newLine();
    } else if (token === '}' || token === ']') {
      depth--;
      out += newLine() + token;
    } else if (token === ',') out += token + newLine();
    else if (token === ':') out += ': ';
    else out += token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token;
  });
  return out;
}
