/** A WebSocket whose messages can be waited for. */
export class MessageSocket {
  readonly #socket: WebSocket
  readonly #messages: string[] = []
  #wake: () => void = () => {}

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      this.#messages.push(String(data))
      this.#wake()
    })
    socket.addEventListener('close', () => this.#wake())
  }

  static open(url: string, protocols: string[] = []): Promise<MessageSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols)
      const opened = new MessageSocket(socket)
      socket.addEventListener('open', () => resolve(opened))
      socket.addEventListener('close', ({ code }) => reject(new Error(`the WebSocket was not opened (${code})`)))
    })
  }

  send(text: string): void {
    this.#socket.send(text)
  }

  /** Waits for a message, and takes those before it. */
  async until(wanted: (message: string) => boolean): Promise<string> {
    for (;;) {
      for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift()) {
        if (wanted(message)) return message
      }
      if (this.#socket.readyState >= WebSocket.CLOSING) throw new Error('the WebSocket was closed too early')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  close(): void {
    this.#socket.close()
  }
}
