import { request } from 'node:http';
import type { Bindings, Step, StepAnswer } from './conversation.js';

/** Sends a step as it was recorded: a body with GET, too, and no type where none was sent. */
export function ask(base: string, step: Step, bindings: Bindings): Promise<StepAnswer> {
  const body =
    step.body === undefined
      ? step.body_text && bindings.fill(step.body_text)
      : JSON.stringify(bindings.fillIn(step.body));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(step.headers ?? {})) headers[name] = bindings.fill(value);
  if (body !== undefined || step.body_text !== undefined)
    headers['Content-Length'] = String(Buffer.byteLength(body ?? ''));
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method: step.method, path: bindings.fill(step.path), headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            contentType: (response.headers['content-type'] ?? '').split(';', 1)[0]!.trim(),
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
