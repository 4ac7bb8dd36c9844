import { describe, expect, it } from 'vitest';
import { fitsPattern, patternSegments, templateOf } from './route-pattern.js';

describe('patterns of routes', () => {
  it.each([
    ['/v1/topics/:topic/config', '/v1/topics/{topic}/config'],
    ['/v1/operations/:id([^:]+)::approve', '/v1/operations/{id}:approve'],
    ['/a::b', '/a:b'],
    ['/files/*', '/files/{rest}'],
    ['/', '/'],
  ])('%s is %s in the document', (url, template) => expect(templateOf(url)).toBe(template));

  it.each([
    ['/v1/topics/:topic', '/v1/topics/a', true],
    ['/v1/topics/:topic', '/v1/topics/a/', true],
    ['/v1/topics/:topic', '/v1/topics', false],
    ['/v1/topics/:topic', '/v1/topic/a', false],
    ['/v1/operations/:id([^:]+)::approve', '/v1/operations/x:approve', true],
    ['/v1/operations/:id([^:]+)::approve', '/v1/operations/x:pause', false],
    ['/v1/operations/:id([^:]+)::approve', '/v1/operations/:approve', false],
    ['/files/*', '/files/a/b', true],
    ['/files/*', '/other/a', false],
  ])('%s fits %s: %s', (url, path, fits) => expect(fitsPattern(patternSegments(url), path)).toBe(fits));
});
