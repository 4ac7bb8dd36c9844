/** The name of a field in the JSON form of its message where the schema gives none: `my_field` as `myField`. */
export function jsonNameOf(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}
