FROM node:26-slim

ENV NODE_ENV=production
WORKDIR /app

# dependencies first: they change less often than the code
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

COPY bin ./bin
COPY src ./src
COPY plugins ./plugins
COPY demo ./demo
COPY routes ./routes
COPY openapi ./openapi

USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GATEHOUSE_PORT || 3000}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/gatehouse.js", "start", "--host", "0.0.0.0"]
