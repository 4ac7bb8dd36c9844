import { All, Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { Registry } from '#libs/core/registry';
import { Access, Authorizer, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ConfluentApi, HttpFault, turn } from '#libs/platform/http';
import { contextsQuery, namesShape } from './api-shapes.js';
import { contextInvalid, contextNamed } from './context-paths.js';
import { nothingHere, page, paged, text, type RawQuery } from './query.js';
import { SubjectAccess } from './subject-access.js';

const tag = 'schema registry';

/** Contexts (contract 2.8). Paths below a context are rewritten before they are routed, see context-paths.ts. */
@ConfluentApi()
@Controller('contexts')
export class ContextsController {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({ id: 'listContexts', summary: 'List contexts', tag, query: contextsQuery, response: namesShape })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: RawQuery): Promise<readonly string[]> {
    const prefix = text(query, 'contextPrefix') ?? '';
    const all = (await this.registry.contexts()).filter((context) => context.startsWith(prefix));
    const visible = principal.scope === undefined ? all : await this.visible(principal, all);
    return paged(visible, page(query));
  }

  /** Contexts in which a principal with a scope can read something; the default one is no secret. */
  private async visible(principal: Principal, contexts: readonly string[]): Promise<readonly string[]> {
    const access = new SubjectAccess(this.authorizer, principal);
    const visible: string[] = [];
    for (const context of contexts)
      if (context === '.' || (await this.holdsVisible(access, context))) visible.push(context);
    return visible;
  }

  private async holdsVisible(access: SubjectAccess, context: string): Promise<boolean> {
    for await (const listed of this.registry.list(context, '')) {
      if (listed.some(({ subject }) => access.allows('read', subject))) return true;
      await turn();
    }
    return false;
  }

  @Delete(':context')
  @HttpCode(204)
  @Access('delete', 'subject')
  @ApiJson({
    id: 'deleteContext',
    summary: 'Forget an empty context',
    tag,
    status: 204,
    errors: { 422: ['context-not-empty'] },
  })
  async delete(@Param('context') segment: string): Promise<void> {
    const context = contextNamed(encodeURIComponent(segment));
    if (context === undefined) throw contextInvalid(segment);
    if (context === '.') throw new HttpFault(405, 'method-not-allowed', 'The default context cannot be deleted.');
    await this.registry.deleteContext(context);
  }

  /** Paths that the registry has have been rewritten: what is left names no context, or nothing of the registry in one. */
  @All([':context/:first', ':context/:first/*'])
  @Access('read', 'service')
  nothing(@Param('context') segment: string): never {
    if (contextNamed(encodeURIComponent(segment)) === undefined) throw contextInvalid(segment);
    throw nothingHere();
  }
}
