import { badRequest } from '../errors.js';
import { plainNumbers } from './data.js';
import { isMisfit, type ChosenSchema } from './schemas.js';

/** @throws 400 for data that does not fit, saying where. */
export async function encodeWith(writer: ChosenSchema['writer'], data: unknown): Promise<Uint8Array> {
  try {
    return await writer.encode(plainNumbers(data));
  } catch (error) {
    if (!isMisfit(error)) throw error;
    const problems = error.items.map(({ path, message }) => `${path === '' ? 'the value' : path} ${message}`);
    throw badRequest(problems.length === 0 ? error.message : problems.join('; '));
  }
}
