import { applyDecorators, Body, Controller, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, nearest } from '#libs/core/kernel';
import { COMMANDS, type Command } from '#libs/core/operations';
import { AccessToSome, NOBODY } from '#libs/platform/auth';
import { ApiJson, REASON_HEADER, reasonOf, signalOf, waitMsOf, ZodPipe } from '#libs/platform/http';
import { answerWith } from './operation-reply.js';
import { operationView, throttleBody, type OperationView, type ThrottleBody } from './operation-schemas.js';
import { OperationsService } from './operations.service.js';

/**
 * The route `POST /v1/operations/{id}:<command>`. In the router's language a doubled colon is a colon, and the parameter needs a pattern that ends before
 * it: without one, all commands would be one route.
 */
function CommandRoute(command: Command, summary: string, codes: readonly string[] = []): MethodDecorator {
  const name = command.replace(/-./, (dash) => dash.charAt(1).toUpperCase());
  return applyDecorators(
    Post(`:id([^:]+)::${command}`),
    HttpCode(202),
    AccessToSome('operate', 'operation'),
    ApiJson({
      id: `${name}Operation`,
      summary,
      description:
        'Repeating a command is harmless. Answers 202 while its effect is under way and 200 once the operation needs somebody or is over; `Prefer: wait=N` waits for that. `X-Weir-Reason` says why, which the history keeps.',
      tag: 'operations',
      ...(command === 'throttle' ? { body: throttleBody, bodyExample: { recordsPerSecond: 20_000 } } : {}),
      response: operationView,
      status: 202,
      errors: { 404: ['operation-not-found'], 409: ['wrong-state', ...codes] },
    }),
  );
}

/** What people ask of a running operation. */
@Controller('v1/operations')
export class OperationCommandsController {
  constructor(private readonly operations: OperationsService) {}

  @CommandRoute('approve', 'Approve an operation that somebody else has started', [
    'approval-by-author',
    'approval-not-needed',
  ])
  approve(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('approve', id, request, reply);
  }

  @CommandRoute('pause', 'Pause an operation; answers when nothing of it runs any more')
  pause(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('pause', id, request, reply);
  }

  @CommandRoute('resume', 'Go on with a paused, blocked or failed operation')
  resume(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('resume', id, request, reply);
  }

  @CommandRoute('throttle', 'Change how fast an operation may go')
  throttle(
    @Param('id') id: string,
    @Body(new ZodPipe(throttleBody)) body: ThrottleBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('throttle', id, request, reply, body);
  }

  @CommandRoute('verify', 'Check what has been copied so far', ['not-offered'])
  verify(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('verify', id, request, reply);
  }

  @CommandRoute('cutover', 'Cut over, now or as soon as it is ready')
  cutover(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('cutover', id, request, reply);
  }

  @CommandRoute('cancel-cutover', 'Take back the request for a cutover, or undo the one under way')
  cancelCutover(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('cancel-cutover', id, request, reply);
  }

  @CommandRoute('rollback', 'Go back to the old side', ['not-offered', 'rollback-window-over'])
  rollback(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('rollback', id, request, reply);
  }

  @CommandRoute('finish', 'End the operation and destroy the old side', ['hold-time'])
  finish(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('finish', id, request, reply);
  }

  @CommandRoute('cancel', 'End the operation before its cutover, without a trace')
  cancel(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    return this.#give('cancel', id, request, reply);
  }

  /** Everything else after the colon, so that a mistyped command is told from a missing page. */
  @Post(':id([^:]+):::command')
  @AccessToSome('operate', 'operation')
  unknown(@Param('command') command: string): never {
    const meant = nearest(command, COMMANDS);
    throw new AppError({
      kind: 'not-found',
      code: 'command-unknown',
      message: `Operations know no command '${command}'.`,
      hint: meant === undefined ? `Commands: ${COMMANDS.join(', ')}.` : `Did you mean '${meant}'?`,
      details: { command, commands: COMMANDS },
    });
  }

  async #give(
    command: Command,
    id: string,
    request: FastifyRequest,
    reply: FastifyReply,
    throttle?: ThrottleBody,
  ): Promise<OperationView> {
    const waitMs = waitMsOf(request.headers['prefer']?.toString());
    const reason = reasonOf(request.headers[REASON_HEADER]?.toString());
    const status = await this.operations.command(id, command, request.principal ?? NOBODY, throttle, reason);
    return answerWith(this.operations, status, waitMs, signalOf(request), reply);
  }
}
