import { AppError } from '#libs/core/kernel';

/** Failures of associations. Messages are those of the Confluent API, as in `errors.ts`. */

/** @param resource the id or name that was asked for. */
export const associationNotFound = (resource: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'association-not-found',
    message: `Association for '${resource}' not found.`,
    details: { resource },
  });

export const associationForResourceExists = (type: string, resource: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'association-exists-for-resource',
    message: `An association of type '${type}' already exists for resource '${resource}'`,
    hint: 'PUT /associations/resources/{resourceId} changes it.',
    details: { type, resource },
  });

export const associationForSubjectExists = (subject: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'association-exists-for-subject',
    message: `An association already exists for subject '${subject}'`,
    hint: `GET /associations/subjects/${encodeURIComponent(subject)} lists them.`,
    details: { subject },
  });

export const strongAssociationExists = (subject: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'strong-association-exists',
    message: `A strong association already exists for subject '${subject}'`,
    hint: `GET /associations/subjects/${encodeURIComponent(subject)} names the resource that owns it.`,
    details: { subject },
  });

export const associationFrozen = (type: string, subject: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'association-frozen',
    message: `The association of type '${type}' is frozen for subject '${subject}'`,
    hint: 'It can be removed together with its subject: cascadeLifecycle=true.',
    details: { type, subject },
  });

/** @param property of the request. */
export const associationInvalid = (property: string, detail: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'association-invalid',
    message: `The association specified an invalid value for property: '${property}', detail: ${detail}`,
    details: { property, detail },
  });
