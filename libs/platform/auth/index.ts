export {
  ACTIONS,
  OBJECT_KINDS,
  Authorizer,
  type AccessObject,
  type AccessScope,
  type Action,
  type ObjectKind,
  type Principal,
} from './access.js';
export { ANONYMOUS, Authenticator, OpenAuthenticator, unauthenticated, type Credentials } from './authenticator.js';
export { installGuard, type GuardOptions } from './guard.js';
export { CurrentPrincipal, NOBODY } from './principal.js';
export { RoleAuthorizer, type MissingErrors } from './role-authorizer.js';
export { isRole, ROLE_GRANTS, ROLES, rolesAllow, rolesFor, type Role } from './roles.js';
export {
  Access,
  AccessToSome,
  Public,
  type DeclaredAccess,
  type PublicAccess,
  type RouteAccess,
} from './route-access.js';
export { declareRoute, installDeclarations } from './route-config.js';
export { TokenAuthenticator, type TokenEntry } from './token-authenticator.js';
export { parseTokens, readTokensFile } from './tokens-file.js';
