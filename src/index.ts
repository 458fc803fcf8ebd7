/** The public face of Gatehouse: what files in `routes/`, configuration files and embedding programs may import. */
export { default as Type } from 'typebox'
export { buildApp } from './app.ts'
export { defineConfig, type Config, type ConfigInput } from './config/config-schema.ts'
export { BootProblems, ERRORS, type ErrorCode, type Problem } from './errors.ts'
export { type UpstreamInput as UpstreamDeclaration } from './upstream/declaration-schema.ts'
export { defineUpstream } from './routing/define-upstream.ts'
