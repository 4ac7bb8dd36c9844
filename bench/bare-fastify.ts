import Fastify from 'fastify';

/** The baseline of `schema-by-id`: a Fastify server with one route that returns the bytes it was sent, and nothing else. */
process.once('message', (body: string) => {
  const fastify = Fastify();
  fastify.get('/schemas/ids/:id', (_request, reply) => {
    void reply.header('content-type', 'application/vnd.schemaregistry.v1+json').send(body);
  });
  void fastify.listen({ host: '127.0.0.1', port: 0 }).then((url) => process.send?.(url));
});
