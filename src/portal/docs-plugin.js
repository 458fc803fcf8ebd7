/**
 * The gateway's plugin for Swagger UI. It runs in the browser; the page loads it as a script of its own.
 */

/** How long the page reads from an event stream, and how much, when an operation is tried out. */
const STREAM_TIME = 5000
const STREAM_SIZE = 64 * 1024
/** How long an event stream may take to begin. */
const STREAM_START = 10_000

const isStream = (type) => /^text\/event-stream\b/i.test(type ?? '')

/**
 * Reads the beginning of a stream and cancels the rest.
 * @returns {Promise<string>} what has come within `STREAM_TIME`, with a line that says whether that was all
 */
async function beginningOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  const over = new Promise((resolve) => setTimeout(resolve, STREAM_TIME, { over: true }))
  let text = ''
  for (;;) {
    const { done, over: isOver, value } = await Promise.race([reader.read(), over])
    if (done) return text
    text += value ?? ''
    if (isOver || text.length > STREAM_SIZE) break
  }
  reader.cancel().catch(() => {})
  return `${text}: The page has stopped reading. The description has a command that reads on.\n`
}

/**
 * As `fetch`, but an event stream ends after a while: Swagger UI shows a response only once it has ended.
 * @param wantsStream  whether the request asks for a stream, which has to begin in time then
 */
async function fetchBeginning(url, init, wantsStream) {
  const started = new AbortController()
  const timer =
    wantsStream &&
    setTimeout(() => started.abort(new Error('The stream has not begun within 10 seconds.')), STREAM_START)
  try {
    const response = await fetch(url, wantsStream ? { ...init, signal: started.signal } : init)
    clearTimeout(timer)
    if (!isStream(response.headers.get('content-type')) || response.body === null) return response
    const { status, statusText, headers } = response
    const text = await beginningOf(response.body)
    return Object.defineProperty(new Response(text, { status, statusText, headers }), 'url', { value: response.url })
  } finally {
    clearTimeout(timer)
  }
}

globalThis.gatehouse = {
  /** For `requestInterceptor`: no request waits for the end of an event stream. */
  intercept(request) {
    const wantsStream = isStream(request.headers?.accept ?? request.headers?.Accept)
    // what a response is, documents need not say
    request.userFetch = (url, init) => fetchBeginning(url, init, wantsStream)
    return request
  },

  /** Shows the errors of the gateway, which nearly every operation has, folded into one line. */
  plugin: () => ({
    wrapComponents: {
      responses: (Responses, { React }) =>
        function FoldedResponses(props) {
          const isGateway = (response) => response.has('x-gatehouse-errors')
          const own = props.responses.filterNot(isGateway)
          const errors = props.responses.filter(isGateway)
          if (errors.size === 0) return React.createElement(Responses, props)
          return React.createElement(
            'div',
            null,
            React.createElement(Responses, { ...props, responses: own }),
            React.createElement(
              'details',
              { className: 'gateway-errors' },
              React.createElement('summary', null, `Errors of the gateway (${errors.size})`),
              React.createElement(Responses, { ...props, responses: errors, tryItOutResponse: undefined }),
            ),
          )
        },
    },
  }),
}
