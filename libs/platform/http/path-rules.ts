import type { FastifyRequest } from 'fastify';
import { HttpFault } from './http-fault.js';

const MAX_URL = 8_192;
const MAX_SEGMENT = 1_024;
const MAX_QUERY_PARAMETERS = 64;

/** Longest percent-encoded parameter the router lets through: a decoded one of {@link MAX_SEGMENT} characters may take three times as many. */
export const MAX_ENCODED_SEGMENT = MAX_SEGMENT * 3;

/** A dot or two as a whole segment, escaped: a container in front would resolve it before the route sees it. */
const ESCAPED_DOTS = /\/(?:%2e(?:%2e|\.)?|\.%2e)(?=\/|$)/i;

/** Bounds of path and query, and no control characters in the path, checked on what the router decoded: once, and never again. */
export function demandPathRules({ raw: { url = '' }, originalUrl, params, query }: FastifyRequest): void {
  if (originalUrl.includes('%2') && ESCAPED_DOTS.test(pathOf(originalUrl))) {
    throw new HttpFault(400, 'path-not-readable', 'A part of the path is an escaped dot; a dot stands for itself.');
  }
  if (url.includes('//') && pathOf(url).includes('//')) {
    throw new HttpFault(400, 'path-not-readable', 'A part of the path is empty.');
  }
  if (url.length > MAX_URL) {
    throw new HttpFault(414, 'url-too-long', `The URL has ${url.length} characters; the limit is ${MAX_URL}.`);
  }
  // The router makes parameters without a prototype.
  for (const name in params as Record<string, unknown>) checkSegment((params as Record<string, unknown>)[name]);
  if (url.includes('?')) checkQuery(query);
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!;
}

function checkSegment(value: unknown): void {
  if (typeof value !== 'string') return;
  if (value.length > MAX_SEGMENT) {
    throw new HttpFault(
      414,
      'path-too-long',
      `A part of the path has ${value.length} characters; the limit is ${MAX_SEGMENT}.`,
    );
  }
  if (hasControls(value)) throw new HttpFault(400, 'path-not-readable', 'The path holds control characters.');
}

function checkQuery(query: unknown): void {
  let count = 0;
  for (const value of Object.values(query as Record<string, unknown>)) {
    count += Array.isArray(value) ? value.length : 1;
    if (count > MAX_QUERY_PARAMETERS) {
      throw new HttpFault(400, 'too-many-parameters', `The query has more than ${MAX_QUERY_PARAMETERS} parameters.`);
    }
  }
}

/** C0 and DEL. What lies beyond ASCII is the routes' business. */
function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/**
 * The URL with matrix parameters cut off (`/subjects/a;b=c` is subject `a`), as the reference's server does. An encoded semicolon (`%3B`) is a character
 * like any other.
 */
export function withoutMatrixParameters(url: string): string {
  if (!url.includes(';')) return url;
  const query = url.search(/[?#]/);
  const path = query < 0 ? url : url.slice(0, query);
  return path.replace(/;[^/]*/g, '') + (query < 0 ? '' : url.slice(query));
}
