import type { Page } from 'playwright-core'

/** Swagger UI as a person uses it. */
export class SwaggerUi {
  readonly page: Page

  constructor (page: Page) {
    this.page = page
  }

  async open (url: string): Promise<void> {
    await this.page.goto(url)
    await this.page.locator('.opblock').first().waitFor()
  }

  /** Names of the documents that can be chosen. */
  documents (): Promise<string[]> {
    return this.page.locator('.topbar select option').allInnerTexts()
  }

  /** Chooses the document of an upstream, which has its name as title. */
  async choose (name: string): Promise<void> {
    await this.page.locator('.topbar select').selectOption({ label: name })
    await this.page.locator('.info .title', { hasText: name }).waitFor()
    await this.page.locator('.opblock').first().waitFor()
  }

  /** Names of the sections, in their order. */
  tags (): Promise<string[]> {
    return this.page.locator('.opblock-tag').evaluateAll((tags) => tags.map((tag) => (tag as unknown as { dataset: { tag: string } }).dataset.tag))
  }

  /** Every operation: `GET /orders`, with whether it bears a lock. */
  async operations (): Promise<Record<string, { locked: boolean }>> {
    const operations: Record<string, { locked: boolean }> = {}
    for (const block of await this.page.locator('.opblock').all()) {
      const method = await block.locator('.opblock-summary-method').innerText()
      const path = await block.locator('[data-path]').getAttribute('data-path')
      operations[`${method} ${path}`] = { locked: await block.locator('.authorization__btn').count() > 0 }
    }
    return operations
  }

  async authorize (token: string): Promise<void> {
    await this.page.locator('.btn.authorize').first().click()
    const dialog = this.page.locator('.dialog-ux')
    await dialog.locator('input').first().fill(token)
    await dialog.locator('button.authorize').first().click()
    await dialog.locator('.btn-done').click()
  }

  /** Opens an operation and fills in its parameters and body. */
  async fill (operationId: string, { parameters = {}, body }: { parameters?: Record<string, string>, body?: object }): Promise<void> {
    const block = this.#block(operationId)
    if (await block.locator('.opblock-body').count() === 0) await block.locator('.opblock-summary-control').click()
    // the button switches, so it is looked at once it is there
    const tryOut = block.locator('.try-out__btn')
    await tryOut.waitFor()
    if (!/\bcancel\b/.test(await tryOut.getAttribute('class') ?? '')) await tryOut.click()
    await block.locator('.try-out__btn.cancel').waitFor()
    for (const [name, value] of Object.entries(parameters)) {
      await block.locator(`tr[data-param-name="${name}"] input`).fill(value)
    }
    if (body !== undefined) await block.locator('textarea.body-param__text').fill(JSON.stringify(body))
  }

  /** Presses "Execute" and reads the answer that the page shows. */
  async execute (operationId: string): Promise<{ status: number, body: string }> {
    const block = this.#block(operationId)
    const clear = block.locator('.btn-clear')
    if (await clear.count() > 0) await clear.click()
    await block.locator('.btn.execute').click()
    const answer = block.locator('.live-responses-table tbody tr.response').first()
    await answer.waitFor()
    return {
      status: Number.parseInt(await answer.locator('.response-col_status').innerText()),
      body: (await answer.locator('.response-col_description .highlight-code').first().innerText().catch(() => '')),
    }
  }

  #block (operationId: string) {
    return this.page.locator(`.opblock[id$="-${operationId}"]`)
  }
}
