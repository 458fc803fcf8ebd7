/**
 * The parts of an API document that the gateway uses or shows. A shape is written as
 * - `text`, `flag`, `number`, `count`, `texts` (a list of text), `list`: plain JSON of that type;
 * - `positive`: a number above zero, `textLists`: a map of lists of text;
 * - `words`: text for people, where a number or boolean does no harm; `any`: not checked;
 * - `types`: the `type` of a schema, and `fileTypes` that of Swagger 2.0; `bound`: `exclusiveMinimum` and
 * `exclusiveMaximum`;
 * - `a|b`: one of these words;
 * - `Part`, `Part[]`, `Part{}`: a part of that kind, a list of them, or a map by names; in `Part{x}` names with `x-`
 * are extensions;
 * - with `!` before it: required.
 */
export type Shape = string

/** The fields of one kind of part. */
export interface PartKind {
  readonly fields: Readonly<Record<string, Shape>>
  /** Shape of all other fields, except `x-...`. Without it, other fields are unknown. */
  readonly rest?: Shape
  /** Where parts from other files are put, as a path from the root; only parts with a home may be a `$ref`. */
  readonly home?: readonly string[]
}

export type Grammar = Readonly<Record<string, PartKind>>

const TEXTS = { summary: 'words', description: 'words', externalDocs: 'any' }
const NAMED = { type: 'words', ...TEXTS }
/** Methods that a Path Item may have operations for. */
export const METHODS: readonly string[] = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

const SCHEMA: PartKind['fields'] = {
  ...TEXTS,
  title: 'words',
  xml: 'any',
  default: 'any',
  example: 'any',
  examples: 'any',
  const: 'any',
  $comment: 'words',
  $vocabulary: 'any',
  $ref: 'text',
  $id: 'text',
  id: 'any',
  $schema: 'text',
  $anchor: 'text',
  $dynamicRef: 'any',
  $dynamicAnchor: 'any',
  $recursiveRef: 'any',
  $recursiveAnchor: 'any',
  type: 'types',
  format: 'text',
  enum: 'list',
  nullable: 'flag',
  deprecated: 'flag',
  readOnly: 'flag',
  writeOnly: 'flag',
  discriminator: 'Discriminator',
  allOf: 'Schema[]',
  anyOf: 'Schema[]',
  oneOf: 'Schema[]',
  prefixItems: 'Schema[]',
  not: 'Schema',
  if: 'Schema',
  then: 'Schema',
  else: 'Schema',
  items: 'Schema',
  additionalItems: 'Schema',
  contains: 'Schema',
  additionalProperties: 'Schema',
  propertyNames: 'Schema',
  unevaluatedItems: 'Schema',
  unevaluatedProperties: 'Schema',
  contentSchema: 'Schema',
  properties: 'Schema{}',
  patternProperties: 'Schema{}',
  dependentSchemas: 'Schema{}',
  $defs: 'Schema{}',
  definitions: 'Schema{}',
  required: 'texts',
  dependentRequired: 'textLists',
  uniqueItems: 'flag',
  pattern: 'text',
  contentMediaType: 'text',
  contentEncoding: 'text',
  multipleOf: 'positive',
  maximum: 'number',
  minimum: 'number',
  exclusiveMaximum: 'bound',
  exclusiveMinimum: 'bound',
  maxLength: 'count',
  minLength: 'count',
  maxItems: 'count',
  minItems: 'count',
  maxContains: 'count',
  minContains: 'count',
  maxProperties: 'count',
  minProperties: 'count',
}

const COMMON: Grammar = {
  Info: {
    fields: { ...TEXTS, title: 'words', version: 'words', termsOfService: 'words', contact: 'any', license: 'any' },
  },
  Tag: { fields: { ...TEXTS, name: '!words', kind: 'words', parent: 'words' } },
  Requirement: { fields: {}, rest: 'texts' },
  Discriminator: { fields: { propertyName: '!text', mapping: 'any' } },
}

const VALUE: PartKind['fields'] = {
  ...TEXTS,
  required: 'flag',
  deprecated: 'flag',
  allowEmptyValue: 'flag',
  explode: 'flag',
  allowReserved: 'flag',
  style: 'matrix|label|simple|form|spaceDelimited|pipeDelimited|deepObject',
  schema: 'Schema',
  content: 'Media{}',
  example: 'any',
  examples: 'Example{}',
}

/** OpenAPI 3.0 and 3.1. */
export const OPENAPI: Grammar = {
  ...COMMON,
  Document: {
    fields: {
      openapi: '!text',
      info: 'Info',
      jsonSchemaDialect: 'text',
      servers: 'Server[]',
      paths: 'Path{x}',
      webhooks: 'PathItem{}',
      components: 'Components',
      security: 'Requirement[]',
      tags: 'Tag[]',
      externalDocs: 'any',
      $self: 'any',
    },
  },
  Server: { fields: { ...TEXTS, url: '!text', name: 'words', variables: 'any' } },
  Components: {
    fields: {
      schemas: 'Schema{}',
      responses: 'Response{}',
      parameters: 'Parameter{}',
      examples: 'Example{}',
      requestBodies: 'RequestBody{}',
      headers: 'Header{}',
      securitySchemes: 'SecurityScheme{}',
      links: 'Link{}',
      callbacks: 'Callback{}',
      pathItems: 'PathItem{}',
    },
  },
  Path: pathItem('Parameter', METHODS),
  PathItem: { ...pathItem('Parameter', METHODS), home: ['components', 'pathItems'] },
  Operation: {
    fields: {
      ...TEXTS,
      tags: 'texts',
      operationId: 'text',
      parameters: 'Parameter[]',
      requestBody: 'RequestBody',
      responses: 'Response{x}',
      callbacks: 'Callback{}',
      deprecated: 'flag',
      security: 'Requirement[]',
      servers: 'Server[]',
    },
  },
  Parameter: {
    fields: { ...VALUE, name: '!text', in: '!path|query|header|cookie' },
    home: ['components', 'parameters'],
  },
  Header: { fields: VALUE, home: ['components', 'headers'] },
  RequestBody: { fields: { ...TEXTS, content: '!Media{}', required: 'flag' }, home: ['components', 'requestBodies'] },
  Example: { fields: { ...TEXTS, value: 'any', externalValue: 'any' }, home: ['components', 'examples'] },
  Media: { fields: { schema: 'Schema', example: 'any', examples: 'Example{}', encoding: 'Encoding{}' } },
  Encoding: {
    fields: {
      contentType: 'text',
      headers: 'Header{}',
      style: 'form|spaceDelimited|pipeDelimited|deepObject',
      explode: 'flag',
      allowReserved: 'flag',
    },
  },
  Response: {
    fields: { ...TEXTS, headers: 'Header{}', content: 'Media{}', links: 'Link{}' },
    home: ['components', 'responses'],
  },
  Callback: { fields: {}, rest: 'PathItem', home: ['components', 'callbacks'] },
  Link: {
    fields: { ...TEXTS, operationRef: 'any', operationId: 'any', parameters: 'any', requestBody: 'any', server: 'any' },
    home: ['components', 'links'],
  },
  SecurityScheme: {
    fields: {
      ...NAMED,
      type: '!apiKey|http|mutualTLS|oauth2|openIdConnect',
      name: 'text',
      in: 'query|header|cookie',
      scheme: 'text',
      bearerFormat: 'words',
      flows: 'any',
      openIdConnectUrl: 'words',
      deprecated: 'any',
      oauth2MetadataUrl: 'any',
    },
    home: ['components', 'securitySchemes'],
  },
  Schema: { fields: SCHEMA, home: ['components', 'schemas'] },
}

/** In Swagger 2.0, parameters and headers contain the keywords of their schema directly. */
const VALUE_2: PartKind['fields'] = {
  ...SCHEMA,
  type: 'string|number|integer|boolean|array|file',
  collectionFormat: 'csv|ssv|tsv|pipes|multi',
  required: 'flag',
  allowEmptyValue: 'flag',
}

/** Swagger 2.0. */
export const SWAGGER: Grammar = {
  ...COMMON,
  Document: {
    fields: {
      swagger: '!text',
      info: 'Info',
      host: 'text',
      basePath: 'text',
      schemes: 'texts',
      consumes: 'texts',
      produces: 'texts',
      paths: 'Path{x}',
      definitions: 'Schema{}',
      parameters: 'Parameter{}',
      responses: 'Response{}',
      securityDefinitions: 'SecurityScheme{}',
      security: 'Requirement[]',
      tags: 'Tag[]',
      externalDocs: 'any',
    },
  },
  Path: pathItem('Parameter', METHODS.slice(0, -1)),
  Operation: {
    fields: {
      ...TEXTS,
      tags: 'texts',
      operationId: 'text',
      consumes: 'texts',
      produces: 'texts',
      parameters: 'Parameter[]',
      responses: 'Response{x}',
      schemes: 'texts',
      deprecated: 'flag',
      security: 'Requirement[]',
    },
  },
  Parameter: {
    fields: { ...VALUE_2, name: '!text', in: '!path|query|header|formData|body', schema: 'Schema' },
    home: ['parameters'],
  },
  Header: { fields: VALUE_2 },
  Response: { fields: { ...TEXTS, schema: 'Schema', headers: 'Header{}', examples: 'any' }, home: ['responses'] },
  SecurityScheme: {
    fields: {
      ...NAMED,
      type: '!basic|apiKey|oauth2',
      name: 'text',
      in: 'query|header',
      flow: 'implicit|password|application|accessCode',
      authorizationUrl: 'words',
      tokenUrl: 'words',
      scopes: 'any',
    },
  },
  Schema: { fields: { ...SCHEMA, type: 'fileTypes', discriminator: 'text' }, home: ['definitions'] },
}

function pathItem(parameter: string, methods: readonly string[]): PartKind {
  return {
    fields: {
      ...TEXTS,
      $ref: 'text',
      servers: 'Server[]',
      parameters: `${parameter}[]`,
      ...Object.fromEntries(methods.map((method) => [method, 'Operation'])),
    },
  }
}
