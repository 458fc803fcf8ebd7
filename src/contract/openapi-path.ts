/** The path of a document, `/files/{name}`, of a router's pattern, `/files/:name(^\\w+$)`. */
export const documentPath = (pattern: string): string =>
  pattern.replace(/:(\w+)(?:\((?:[^()]|\([^()]*\))*\))?\??/g, '{$1}')
