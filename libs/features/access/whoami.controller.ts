import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson } from '#libs/platform/http';

const principalView = z.object({
  id: z.string().describe('Name of the token; `anonymous` where nobody is asked for one.'),
  roles: z.array(z.string()),
  scope: z
    .record(z.string(), z.array(z.string()))
    .nullable()
    .describe('Kinds of objects to names and prefixes that are in reach; null: everything the roles allow.'),
});
type PrincipalView = z.infer<typeof principalView>;

/** Tells callers who they are taken for. */
@Controller('v1/whoami')
export class WhoamiController {
  @Get()
  @Access('read', 'service')
  @ApiJson({
    id: 'getPrincipal',
    summary: 'Tell who the caller is taken for',
    tag: 'service',
    response: principalView,
  })
  whoami(@CurrentPrincipal() { id, roles, scope }: Principal): PrincipalView {
    return {
      id,
      roles: [...roles],
      scope: scope === undefined ? null : Object.fromEntries([...scope].map(([kind, names]) => [kind, [...names]])),
    };
  }
}
