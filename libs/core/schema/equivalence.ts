import type { SchemaType } from './format.js';

/**
 * What {@link ParsedSchema.equivalence} must look like for a schema to be the same as one stored without references, told from the stored text without
 * reading it: it consists of the same characters, in some order. Equal sketches prove nothing; different ones that the schemas differ.
 * @returns undefined where the text does not tell.
 */
export function storedSketch(schemaType: SchemaType, text: string): string | undefined {
  // Avro's errors count as records.
  return schemaType === 'AVRO' && text.includes('"error"') ? undefined : characterSketch(text);
}

/** Equal for texts of the same characters, whatever their order. Not for people. */
export function characterSketch(text: string): string {
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    sum = (sum + code) | 0;
    squares = (squares + Math.imul(code, code)) | 0;
  }
  return `${text.length} ${sum} ${squares}`;
}
