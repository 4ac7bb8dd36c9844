import { Body, Controller, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import { SubjectHistoryService } from './subject-history.service.js';
import {
  restoreBody,
  restoredView,
  rollbackBody,
  rolledBackView,
  tryQuery,
  type RestoreBody,
  type RestoredView,
  type RollbackBody,
  type RolledBackView,
  type TryQuery,
} from './subject-history.shapes.js';

const tag = 'schemas';

/**
 * Commands on a subject. In the router's language a doubled colon is a colon; the subject may hold colons itself (`:.dev:orders-value`), so it ends at the
 * last one.
 */
@Controller('v1/subjects')
export class SubjectHistoryController {
  constructor(private readonly history: SubjectHistoryService) {}

  @Post(':subject(.+)::restore')
  @HttpCode(200)
  @Access('delete', 'subject', 'subject')
  @ApiJson({
    id: 'restoreVersions',
    summary: 'Make softly deleted versions live again',
    description:
      'Under their numbers and ids. A version that refers to a deleted one is refused until that is restored. May be repeated.',
    tag,
    query: tryQuery,
    body: restoreBody,
    bodyExample: { versions: [3] },
    response: restoredView,
    errors: {
      404: ['subject-not-found', 'version-not-found'],
      409: ['reference-deleted'],
      422: ['operation-not-permitted'],
    },
  })
  restore(
    @Param('subject') subject: string,
    @Body(new ZodPipe(restoreBody)) body: RestoreBody,
    @Query(new ZodPipe(tryQuery)) query: TryQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RestoredView> {
    return this.history.restore(principal, subject, body, query.dryRun === true);
  }

  @Post(':subject(.+)::rollback')
  @HttpCode(200)
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'rollbackSubject',
    summary: 'Make an earlier version the latest again',
    description:
      'Its content is registered once more, under the next number and with the id it had, if the level in force lets it follow what is there; a refusal lists what would break. Needs the right to register. With `dryRun=true` nothing is done and what would break is an answer. May be repeated.',
    tag,
    query: tryQuery,
    body: rollbackBody,
    bodyExample: { version: 3 },
    response: rolledBackView,
    errors: {
      404: ['subject-not-found', 'version-not-found'],
      409: ['schema-incompatible', 'version-deleted'],
      422: ['operation-not-permitted'],
    },
  })
  rollBack(
    @Param('subject') subject: string,
    @Body(new ZodPipe(rollbackBody)) body: RollbackBody,
    @Query(new ZodPipe(tryQuery)) query: TryQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RolledBackView> {
    return this.history.rollBack(principal, subject, body, query.dryRun === true);
  }
}
