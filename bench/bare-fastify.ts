import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';

/** The baseline of requests over HTTP: a Fastify server that parses bodies as JSON, answers with the bytes it was sent, and does nothing else. */
process.once('message', (body: string) => {
  const fastify = Fastify({ bodyLimit: 8 * 1024 * 1024 });
  const type = 'application/vnd.schemaregistry.v1+json';
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) =>
    done(null, JSON.parse(text as string)),
  );
  const answer = (_request: FastifyRequest, reply: FastifyReply): void => {
    void reply.header('content-type', type).send(body);
  };
  fastify.get('/schemas/ids/:id', answer);
  fastify.post('/subjects/:subject', answer);
  fastify.post('/v1/topics/:topic/records', answer);
  void fastify.listen({ host: '127.0.0.1', port: 0 }).then((url) => process.send?.(url));
});
