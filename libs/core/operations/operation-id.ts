/** Crockford's base 32: no letters that look like digits. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `op_` and a ULID: 48 bits of time, then 80 random bits. Ids sort by the time of their making. */
export function operationId(now: number, random: (bytes: number) => Uint8Array): string {
  let text = '';
  for (let i = 0, time = now; i < 10; i++, time = Math.floor(time / 32)) text = DIGITS[time % 32]! + text;
  let bits = 0;
  let held = 0;
  for (const byte of random(10)) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += DIGITS[(held >> (bits - 5)) & 31]!;
    held &= 0xff;
  }
  return `op_${text}`;
}

/** Whether `text` has the form of an operation id. */
export function isOperationId(text: string): boolean {
  return /^op_[0-9A-HJKMNP-TV-Z]{26}$/.test(text);
}
