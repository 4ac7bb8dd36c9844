import { z } from 'zod';

const secret = z.string().min(1).max(4_096);
const file = z.string().min(1).max(4_096);

/** A registry that schemas may be imported from, as the configuration names it. */
const registry = z
  .strictObject({
    url: z
      .string()
      .max(2_000)
      .refine(isPlainUrl, 'must be http:// or https:// without credentials, query and fragment'),
    username: z.string().min(1).max(512).optional(),
    password: secret.optional(),
    passwordFile: file.optional(),
    token: secret.optional(),
    tokenFile: file.optional(),
    /** Networks beside the public ones it may lie in. */
    allowedAddresses: z
      .array(z.string().regex(/^[0-9a-fA-F.:]{2,45}(\/[0-9]{1,3})?$/, 'must be a network such as 10.0.0.0/8'))
      .max(100)
      .optional(),
    timeoutMs: z.int().min(100).max(120_000).optional(),
    tls: z
      .strictObject({
        caFile: file.optional(),
        certFile: file.optional(),
        keyFile: file.optional(),
        serverName: z.string().min(1).max(255).optional(),
      })
      .optional(),
  })
  .refine((given) => given.password === undefined || given.passwordFile === undefined, {
    message: 'must have either password or passwordFile',
  })
  .refine((given) => (given.token ?? given.tokenFile) === undefined || given.username === undefined, {
    message: 'must have either a token or a username',
  });

export type SourceRegistrySetting = z.infer<typeof registry>;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Name to definition. A map, so that no name is special. */
export const registryDefinitions: z.ZodType<ReadonlyMap<string, SourceRegistrySetting>> = z
  .preprocess(
    (given) => (given instanceof Map ? Object.fromEntries(given) : given),
    z.record(z.string(), registry, 'must be a map of name to registry'),
  )
  .superRefine((registries, context) => {
    for (const name of Object.keys(registries)) {
      if (NAME.test(name)) continue;
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'is no name: 1 to 63 of a-z, 0-9, underscore and hyphen',
      });
    }
  })
  .transform((registries) => new Map(Object.entries(registries)));

function isPlainUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return false;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}
