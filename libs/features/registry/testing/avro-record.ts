/** An Avro record whose fields are integers with a default: any set of them may follow any other, at every level. */
export function avroRecord(name: string, ...fields: readonly string[]): string {
  return JSON.stringify({
    type: 'record',
    name,
    fields: fields.map((field) => ({ name: field, type: 'int', default: 0 })),
  });
}
