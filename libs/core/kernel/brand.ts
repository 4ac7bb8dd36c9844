declare const brand: unique symbol;

/** A primitive that carries its meaning in the type: a `Brand<string, 'Subject'>` is not any string. No cost at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
