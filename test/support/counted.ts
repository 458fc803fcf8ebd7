import type { FastifyInstance } from 'fastify'

/** What a gateway has counted under the name of a metric: the labels and the value of each line. */
export function countedBy(app: FastifyInstance, metric: string): { value: number; [label: string]: string | number }[] {
  const counter = Object.values(app.metrics).find(({ name }) => name === metric)
  if (counter === undefined) throw new Error(`there is no metric ${metric}`)
  return [...counter].map(({ labels, value }) => ({ ...labels, value }))
}

/** Everything that a gateway has counted, as lines of the Prometheus text format. */
export const countedLines = (app: FastifyInstance): string =>
  Object.values(app.metrics)
    .flatMap((counter) =>
      [...counter].map(
        ({ labels, value }) =>
          `${counter.name}{${Object.entries(labels)
            .map(([name, text]) => `${name}="${text}"`)
            .join(',')}} ${value}`,
      ),
    )
    .join('\n')
