import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#libs/core/kernel';

/** The header that says why something is changed. */
export const REASON_HEADER = 'x-weir-reason';
/** Characters of a reason. */
const MAX_REASON = 500;

/**
 * Why the client changes something, if it said so: text, percent-encoded where it holds more than ASCII.
 * @throws `invalid-reason` for an empty or long one, and for one with line breaks or other control characters.
 */
export function reasonOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = decoded(header).trim();
  if (text !== '' && text.length <= MAX_REASON && !/[\u0000-\u001f\u007f-\u009f]/.test(text)) return text;
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-reason',
    message: `A reason has 1 to ${MAX_REASON} characters in one line.`,
    hint: `Send ${REASON_HEADER} percent-encoded, or leave it out.`,
  });
}

/** Percent signs that encode nothing stand for themselves. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A step that gives each change for which a reason was told a line in the log, with who, what, why and what became of it. */
export function reasonLog(
  logger: FastifyBaseLogger | undefined,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return (request, reply) => {
    const header = request.headers[REASON_HEADER];
    if (header === undefined || request.method === 'GET' || request.method === 'HEAD') return;
    const reason = reasonOf(header.toString());
    reply.raw.once('close', () =>
      logger?.info(
        {
          request_id: request.id,
          actor: request.principal?.id,
          method: request.method,
          path: request.url.split('?')[0],
          status: reply.statusCode,
          reason,
        },
        'a change with a reason',
      ),
    );
  };
}
