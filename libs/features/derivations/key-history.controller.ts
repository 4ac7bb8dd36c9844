import { Controller, Get, Param, Query } from '@nestjs/common';
import { Access } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import {
  diffQuery,
  keyDiff,
  keyVersion,
  stateQuery,
  versionPage,
  versionsQuery,
  type DiffQuery,
  type KeyDiff,
  type KeyVersionView,
  type StateQuery,
  type VersionPage,
  type VersionsQuery,
} from './derivation-schemas.js';
import { KeyHistoryService } from './key-history.service.js';

const errors = { 404: ['key-not-found', 'version-not-found'], 409: ['not-a-versioned-stream', 'version-removed'] };

/** The states of a key in a versioned stream. Each answer reflects everything the stream holds when the request comes. */
@Controller(['v1/derivations/:derivation/keys/:key', 'v1/clusters/:cluster/derivations/:derivation/keys/:key'])
export class KeyHistoryController {
  constructor(private readonly histories: KeyHistoryService) {}

  @Get()
  @Access('read', 'topic', 'derivation')
  @ApiJson({
    id: 'getKeyState',
    summary: 'Get the present state of a key, an earlier one, or that of a time',
    description:
      'A state holds from its validFrom until just before its validTo. A deletion is a state, too: its value is null.',
    tag: 'derivations',
    query: stateQuery,
    response: keyVersion,
    errors,
  })
  async state(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
    @Param('key') key: string,
    @Query(new ZodPipe(stateQuery)) query: StateQuery,
    @RequestSignal() signal: AbortSignal,
  ): Promise<KeyVersionView> {
    return this.histories.state(cluster, name, key, query, signal);
  }

  @Get('versions')
  @Access('read', 'topic', 'derivation')
  @ApiJson({
    id: 'listKeyVersions',
    summary: 'List the states of a key, from the first on',
    tag: 'derivations',
    query: versionsQuery,
    response: versionPage,
    errors,
  })
  async versions(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
    @Param('key') key: string,
    @Query(new ZodPipe(versionsQuery)) query: VersionsQuery,
    @RequestSignal() signal: AbortSignal,
  ): Promise<VersionPage> {
    return this.histories.versions(cluster, name, key, query, signal);
  }

  @Get('diff')
  @Access('read', 'topic', 'derivation')
  @ApiJson({
    id: 'diffKeyVersions',
    summary: 'Compare two states of a key',
    tag: 'derivations',
    query: diffQuery,
    response: keyDiff,
    errors,
  })
  async diff(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
    @Param('key') key: string,
    @Query(new ZodPipe(diffQuery)) query: DiffQuery,
    @RequestSignal() signal: AbortSignal,
  ): Promise<KeyDiff> {
    return this.histories.diff(cluster, name, key, query, signal);
  }
}
