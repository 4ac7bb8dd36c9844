/**
 * A sum that is never rounded, so that it is the same whatever the order, and what was added can be taken away again. As text: `<integer>` for integers, `<m>p<e>` (m × 2^e) for
 * doubles.
 */
export type ExactSum = string;

/** A double, or an integer, as a sum of one. */
export function sumOf(value: number | bigint, real: boolean): ExactSum {
  return real ? formatted(partsOf(Number(value))) : String(BigInt(value));
}

/** Both together. Either may be null for none. */
export function plus(one: ExactSum | null, other: ExactSum): ExactSum {
  return one === null ? other : combined(one, other, 1n);
}

/** What is left of a sum without a part of it. */
export function minus(whole: ExactSum | null, part: ExactSum): ExactSum {
  return combined(whole ?? (part.includes('p') ? '0p0' : '0'), part, -1n);
}

/** The integer of a sum of integers. */
export const integerOf = (sum: ExactSum): bigint => BigInt(sum);

/** The nearest double. */
export function doubleOf(sum: ExactSum): number {
  if (!sum.includes('p')) return Number(BigInt(sum));
  const { mantissa, exponent } = parsed(sum);
  const magnitude = mantissa < 0n ? -mantissa : mantissa;
  // 64 leading bits, and one that says whether anything stands behind them, round as the whole would.
  const cut = Math.max(0, magnitude.toString(2).length - 64);
  const behind = BigInt.asUintN(cut, magnitude) === 0n ? 0n : 1n;
  const leading = cut === 0 ? Number(magnitude) : Number(((magnitude >> BigInt(cut)) << 1n) | behind) / 2;
  const value = leading * 2 ** (exponent + cut);
  return mantissa < 0n ? -value : value;
}

interface Parts {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const double = new Float64Array(1);
const bits = new BigUint64Array(double.buffer);

function partsOf(value: number): Parts {
  double[0] = value;
  const raw = bits[0]!;
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { mantissa: value < 0 ? -magnitude : magnitude, exponent: (biased === 0 ? 1 : biased) - 1_075 };
}

function parsed(sum: ExactSum): Parts {
  const [mantissa, exponent] = sum.split('p') as [string, string];
  return { mantissa: BigInt(mantissa), exponent: Number(exponent) };
}

/** Without zeros at the end, so that equal sums are equal texts. */
function formatted({ mantissa, exponent }: Parts): ExactSum {
  if (mantissa === 0n) return '0p0';
  let zeros = 0;
  while (((mantissa >> BigInt(zeros)) & 1n) === 0n) zeros++;
  return `${mantissa >> BigInt(zeros)}p${exponent + zeros}`;
}

function combined(one: ExactSum, other: ExactSum, sign: bigint): ExactSum {
  if (!one.includes('p')) return String(BigInt(one) + sign * BigInt(other));
  const [a, b] = [parsed(one), parsed(other)];
  const exponent = Math.min(a.exponent, b.exponent);
  const at = (parts: Parts): bigint => parts.mantissa << BigInt(parts.exponent - exponent);
  return formatted({ mantissa: at(a) + sign * at(b), exponent });
}
