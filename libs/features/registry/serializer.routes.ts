import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import { NOBODY } from '#libs/platform/auth';
import { isUnchanged, PlainRoutes, REGISTRY_DIALECT, REVALIDATED } from '#libs/platform/http';
import * as shapes from './api-shapes.js';
import { javaInteger, type RawQuery } from './query.js';
import { SchemasService, type TaggedBody } from './schemas.service.js';
import { SubjectsService } from './subjects.service.js';

type ById = FastifyRequest<{ Params: { id: string }; Querystring: RawQuery }>;
type OfSubject = FastifyRequest<{ Params: { subject: string }; Querystring: RawQuery }>;

const tag = 'schema registry';

const READ_ANY = { action: 'read', kind: 'subject' } as const;
const READ_SUBJECT = { action: 'read', kind: 'subject', name: 'subject' } as const;

/** Ids as clients write them, that need no look at their size. */
const PLAIN_ID = /^[1-9][0-9]{0,8}$/;
/** Names in which nothing is escaped, and that name no context. */
const PLAIN_SUBJECT = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$/;

const BY_ID: FastifyContextConfig = {
  access: READ_ANY,
  confluent: REGISTRY_DIALECT,
  api: {
    id: 'getSchemaById',
    summary: 'A schema by id',
    tag,
    query: shapes.schemaQuery,
    response: shapes.schemaShape,
    errors: { 404: ['schema-not-found'] },
  },
};

const LOOK_UP: FastifyContextConfig = {
  access: READ_SUBJECT,
  confluent: REGISTRY_DIALECT,
  api: {
    id: 'lookUpSchema',
    summary: 'Find the version of a subject that a schema is',
    tag,
    body: shapes.registrationShape,
    query: shapes.lookupQuery,
    response: shapes.versionShape,
    errors: { 404: ['subject-not-found', 'schema-not-found'], 422: ['schema-invalid'] },
    recurring: true,
  },
};

const REGISTER: FastifyContextConfig = {
  access: READ_SUBJECT,
  confluent: REGISTRY_DIALECT,
  api: {
    id: 'registerSchema',
    summary: 'Register a schema under a subject',
    description:
      'A schema that the subject has is answered to whoever may read it. A new one takes the right to write there, and where the registration policy is `registrars-only` the right to alter it.',
    tag,
    body: shapes.registrationShape,
    bodyExample: { schema: '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}' },
    query: shapes.registerQuery,
    response: shapes.registeredShape,
    errors: {
      403: ['registration-forbidden'],
      409: ['schema-incompatible'],
      422: ['schema-invalid', 'operation-not-permitted', 'subject-invalid'],
    },
    recurring: true,
  },
};

/**
 * What serializers and deserializers ask at every start, as plain Fastify routes, since Nest's own layer would cost as much as the answer. The guard, the media types
 * and the error replies are the same as everywhere.
 */
@Injectable()
export class SerializerRoutes implements OnModuleInit {
  constructor(
    private readonly plain: PlainRoutes,
    private readonly schemas: SchemasService,
    private readonly subjects: SubjectsService,
  ) {}

  onModuleInit(): void {
    const { fastify, atHand } = this.plain;
    const dialect = REGISTRY_DIALECT;
    atHand.add({
      ...{ method: 'GET', url: '/schemas/ids/:id', parameter: PLAIN_ID, access: READ_ANY, dialect },
      answer: (principal, id) => this.schemas.bodyAtHand(principal, Number(id)),
    });
    const ofSubject = { method: 'POST', parameter: PLAIN_SUBJECT, access: READ_SUBJECT, dialect } as const;
    atHand.add({
      ...{ ...ofSubject, url: '/subjects/:subject' },
      answer: (_principal, subject, body) => this.subjects.lookupAtHand(subject, body),
    });
    atHand.add({
      ...{ ...ofSubject, url: '/subjects/:subject/versions' },
      answer: (_principal, subject, body) => this.subjects.registeredAtHand(subject, body),
    });
    fastify.get('/schemas/ids/:id', { config: BY_ID }, (request: ById, reply: FastifyReply) => {
      const id = javaInteger(request.params.id);
      const found = this.schemas.bodyById(request.principal ?? NOBODY, id, request.query);
      return found instanceof Promise
        ? found.then((one) => answered(request, reply, one))
        : answered(request, reply, found);
    });
    fastify.post('/subjects/:subject', { config: LOOK_UP }, ({ principal, params, body, query }: OfSubject) =>
      this.subjects.lookup(principal ?? NOBODY, params.subject, body, query),
    );
    fastify.post('/subjects/:subject/versions', { config: REGISTER }, ({ principal, params, body, query }: OfSubject) =>
      this.subjects.register(principal ?? NOBODY, params.subject, body, query),
    );
  }
}

/** Tags are kept with the answers, so that none is made for a request; a client that has the answer is sent none. */
function answered(request: ById, reply: FastifyReply, { body, tag }: TaggedBody): string {
  reply.header('etag', tag);
  reply.header('cache-control', REVALIDATED);
  const had = request.headers['if-none-match'];
  if (had === undefined || !isUnchanged(had, tag)) return body;
  reply.code(304);
  return '';
}
